//! Calls in code of other languages that start a process: whose function it is, and what it is given.
//!
//! Knows neither the functions' names nor where a text is data; what an expression comes to is `expressions`' knowledge.

use super::expressions::Code;
use super::interpreters::literal;
use super::wrappers::Runs;
use crate::gate::call::Word;

/// Most calls of code that are looked at. Each asks what a name holds, which goes through the code: more are not
/// understood.
pub(super) const MAX_CALLS: usize = 128;

/// Finds calls of `functions` in `code` and hands on what they run.
pub(super) fn started(code: &Code<'_>, literal_code: bool, functions: &[&str], runs: &mut Runs) {
    let mut looked_at = 0;
    for function in functions {
        for (start, _) in code.text.match_indices(function) {
            let end = start + function.len();
            let front = code.text.get(..start).unwrap_or_default();
            let before = front.chars().next_back();
            // `run` alone is a name of many things: after a dot it is another's.
            let others = before == Some('.') && matches!(*function, "run" | "call");
            if others || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code.text.get(end..).unwrap_or_default();
            // `x['system']('code')`, `getattr(os, 'system')('code')`, `send(:system, 'code')`.
            let by_name = match before {
                Some('"' | '\'') => {
                    rest.get(1..).and_then(|rest| rest.strip_prefix([']', ')'])).filter(|rest| rest.starts_with('('))
                }
                Some(':') => rest.strip_prefix(',').filter(|_| !front.ends_with("::")),
                _ => None,
            };
            if code.data.holds(start) && by_name.is_none() {
                continue;
            }
            looked_at += 1;
            if looked_at > MAX_CALLS {
                runs.unknown = true;
                return;
            }
            let Some(sure) = starts(code, front, function) else { continue };
            let rest = by_name.unwrap_or(rest);
            let trimmed = rest.trim_start();
            // Perl's list of words.
            if let Some(list) = trimmed.trim_start_matches('(').trim_start().strip_prefix("qw") {
                let words = list.trim_start().trim_start_matches(['(', '[', '{', '<', '/']);
                let end = words.find([')', ']', '}', '>', ';']).unwrap_or(words.len());
                let words = words.get(..end).unwrap_or_default().split_whitespace();
                runs.argv(&words.map(|word| Word { text: word.to_owned(), literal: literal_code }).collect::<Vec<_>>());
                continue;
            }
            let called = match trimmed.strip_prefix('(') {
                Some(inner) => inner.trim_start(),
                // Perl and Ruby call without brackets.
                None if (rest.starts_with(' ') || by_name.is_some()) && trimmed.starts_with(['"', '\'']) => trimmed,
                None => {
                    // Handed to something that calls it: `map(os.system, lines)`.
                    let handed = front.ends_with("os.") && trimmed.starts_with([',', ')']);
                    runs.unknown |= handed && matches!(*function, "system" | "popen");
                    continue;
                }
            };
            let mut own = Runs { wrapper: runs.wrapper.clone(), ..Runs::default() };
            match code.held(name_of(called)) {
                // A name that the code fills.
                Some(held) if !called.starts_with(['[', '"', '\'']) => {
                    let behind = called.get(name_of(called).len()..).unwrap_or_default();
                    let behind = behind.strip_prefix(".split()").unwrap_or(behind);
                    match behind.starts_with([',', ')']) {
                        true => held.iter().for_each(|held| first_argument(code, held, literal_code, &mut own)),
                        false => first_argument(code, called, literal_code, &mut own),
                    }
                }
                _ => first_argument(code, called, literal_code, &mut own),
            }
            if sure {
                runs.unknown |= own.unknown;
                runs.argvs.append(&mut own.argvs);
                runs.code.append(&mut own.code);
            } else {
                // A method of something else: what is given to it may be a command, and no more.
                runs.maybe.extend(own.argvs.into_iter().map(|(argv, _)| argv));
                runs.foreign.append(&mut own.code);
            }
        }
    }
}

/// Functions that are methods of many other things, too.
const METHODS: [&str; 7] = ["exec", "system", "spawn", "popen", "run", "call", "shell"];

/// What holds those that start a process.
#[rustfmt::skip]
const HOLDERS: [&str; 27] = [
    "os", "subprocess", "commands", "posix", "pty", "asyncio", "pexpect", "builtins", "child_process", "childProcess", "cp", "proc",
    "execa", "shelljs", "shell", "sh", "Kernel", "Process", "IO", "Open3", "PTY", "Runtime", "uiop", "Sys", "Unix", "Command", "Bun",
];

/// Whether a function at the end of `before` is one that starts a process: not at all, for certain, or perhaps.
fn starts(code: &Code<'_>, before: &str, function: &str) -> Option<bool> {
    let word = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if before.ends_with(' ') && matches!(word, "def" | "function" | "fn" | "func" | "sub" | "defp") {
        return None;
    }
    let Some(holder) = [".", "->", "::"].iter().find_map(|mark| before.strip_suffix(mark)) else { return Some(true) };
    if !METHODS.contains(&function) {
        return Some(true);
    }
    let holder = holder.trim_end_matches('?');
    if let Some(open) = holder.strip_suffix(')').and_then(|inner| inner.rfind('(')) {
        let call = holder.get(open..).unwrap_or_default();
        let known = ["child_process", "'os'", "\"os\"", "subprocess", "'posix'", "'pty'"];
        return Some(known.iter().any(|name| call.contains(name)) || holder.ends_with("getRuntime()"));
    }
    let start = holder.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let name = holder.get(start..).unwrap_or_default();
    let leads = |text: &str| {
        let imports = ["__import__(", "import_module("].iter().any(|one| text.contains(one));
        text.contains("child_process")
            || text.contains("subprocess")
            || imports && (text.contains("'os") || text.contains("\"os"))
    };
    let held = || {
        let values = code.held(name).unwrap_or_default();
        values.iter().any(|value| {
            let end = value.find(['\n', ';']).unwrap_or(value.len());
            let value = value.get(..end).unwrap_or_default();
            leads(value) || HOLDERS.contains(&value.trim())
        })
    };
    let renamed = || {
        let marks = [format!("import os as {name}"), format!("as {name} from"), format!("import {name} from")];
        marks.iter().any(|mark| code.text.contains(mark.as_str()))
    };
    Some(HOLDERS.contains(&name) || !name.is_empty() && (held() || renamed()))
}

/// The name at the start of a text.
fn name_of(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What a function runs that is called with this, the rest of its arguments behind it.
fn first_argument(code: &Code<'_>, called: &str, literal_code: bool, runs: &mut Runs) {
    let word = |text: String| Word { text, literal: literal_code };
    if called.starts_with(')') || called.is_empty() {
        // Nothing.
    } else if let Some(texts) = either(called) {
        runs.code.extend(texts.map(word));
    } else if let Some(list) = called.strip_prefix('[') {
        argv(code, list, literal_code, runs);
    } else if let Some((text, used)) = literal(called) {
        let after = called.get(used..).unwrap_or_default().trim_start();
        let more = after.strip_prefix(',').map(str::trim_start);
        match more {
            // `spawnSync("rm", ["-rf", "/"])`, `system("rm", "-rf", "/")`.
            Some(list) if list.starts_with('[') => {
                argv(code, &format!("'{text}', {}", list.trim_start_matches('[')), literal_code, runs)
            }
            // `new Deno.Command("rm", { args: ["-rf", "/"] })`.
            Some(options) if options.starts_with('{') && options.contains("args") => {
                let list = options.split_once('[').map_or("", |(_, list)| list);
                argv(code, &format!("'{text}', {list}"), literal_code, runs)
            }
            // `(shell/sh "rm" "-rf" "/")`
            None if after.starts_with('"') && !matches!(runs.wrapper.as_str(), "perl" | "php") => {
                argv(code, &format!("'{text}', {}", after.replace("\" \"", "\", \"")), literal_code, runs)
            }
            Some(list) if list.starts_with(['"', '\'']) => argv(code, &format!("'{text}', {list}"), literal_code, runs),
            _ if after.starts_with(".split()") => {
                runs.argv(&text.split_whitespace().map(|part| word(part.to_owned())).collect::<Vec<_>>())
            }
            _ => match code.value(called) {
                Some((texts, used)) if !is_computed(called.get(used..).unwrap_or_default()) => {
                    runs.code.extend(texts.into_iter().map(word));
                }
                _ => {
                    runs.unknown |= is_computed(after);
                    runs.code.push(word(text));
                }
            },
        }
    } else if let Some((texts, _)) =
        code.value(called).filter(|(_, used)| !is_computed(called.get(*used..).unwrap_or_default()))
    {
        runs.code.extend(texts.into_iter().map(word));
    } else {
        runs.unknown = true;
    }
}

/// `condition ? 'this' : 'that'`, `'this' if condition else 'that'`.
fn either(called: &str) -> Option<[String; 2]> {
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " _.=!<>'\"".contains(c));
    if let Some((first, used)) = literal(called) {
        let (condition, rest) = called.get(used..)?.trim_start().strip_prefix("if ")?.split_once(" else ")?;
        return plain(condition).then_some([first, literal(rest.trim_start())?.0]);
    }
    let (condition, rest) = called.split_once('?').filter(|(condition, _)| plain(condition))?;
    let (first, used) = literal(rest.trim_start()).filter(|_| !condition.is_empty())?;
    let rest = rest.trim_start().get(used..)?.trim_start().strip_prefix(':')?;
    Some([first, literal(rest.trim_start())?.0])
}

/// Whether more is made of an expression that this stands behind.
fn is_computed(after: &str) -> bool {
    after.trim_start().starts_with(['+', '%', '.'])
}

/// The elements of a list, as a program and its arguments.
fn argv(code: &Code<'_>, list: &str, literal_code: bool, runs: &mut Runs) {
    let mut words = Vec::new();
    let mut rest = list.trim_start();
    loop {
        let known = code.value(rest).filter(|(_, used)| {
            rest.get(*used..)
                .is_some_and(|after| after.trim_start().starts_with([',', ']', ')']) || after.trim().is_empty())
        });
        match literal(rest).map(|(text, used)| (text, used, rest.get(used..).unwrap_or_default())) {
            Some((text, used, after)) if known.is_none() && !is_computed(after) => {
                words.push(Word { text, literal: literal_code });
                rest = rest.get(used..).unwrap_or_default().trim_start();
            }
            _ => match known {
                Some((texts, used)) => {
                    words.extend(texts.into_iter().take(1).map(|text| Word { text, literal: literal_code }));
                    rest = rest.get(used..).unwrap_or_default().trim_start();
                }
                None => {
                    if rest.starts_with([']', ')']) {
                        break;
                    }
                    words.push(Word { text: "{}".to_owned(), literal: false });
                    let end = rest.find([',', ']', ')']).unwrap_or(rest.len());
                    rest = rest.get(end..).unwrap_or_default();
                }
            },
        }
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail.trim_start(),
            None => break,
        }
    }
    runs.argv(&words);
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    /// Whether `rm x` is seen among what is run for certain or perhaps, and whether the line is understood.
    fn read(line: &str) -> (bool, bool) {
        let parsed = parse_blocking(line);
        let runs = |command: &crate::gate::call::ShellCommand| {
            command.name() == "rm" && command.args.iter().any(|arg| arg.text == "x")
        };
        (parsed.commands.iter().any(runs), parsed.understood())
    }

    #[test]
    fn many_calls_are_not_understood() {
        let calls = |count: usize| read(&format!("python3 -c \"{}\"", "q.exec(y);".repeat(count))).1;
        assert!(calls(super::MAX_CALLS) && !calls(super::MAX_CALLS + 1));
    }

    #[test]
    fn whose_function_it_is_decides() {
        for (line, expected) in [
            ("python3 -c \"os.system('rm x')\"", (true, true)),
            ("python3 -c \"os.system(y)\"", (false, false)),
            ("python3 -c \"platform.system()\"", (false, true)),
            ("python3 -c \"q = os; q.system(y)\"", (false, false)),
            ("python3 -c \"q.system(y)\"", (false, true)),
            ("python3 -c \"q.system('rm x')\"", (true, true)),
            ("python3 -c \"def system(y): pass\"", (false, true)),
            ("python3 -c \"print('os.system(y)')\"", (false, true)),
            ("python3 -c \"map(os.system, y)\"", (false, false)),
            ("python3 -c \"os.system('ls' if y else 'rm x')\"", (true, true)),
            ("node -e \"/y/.exec(z)\"", (false, true)),
            ("node -e \"require('child_process').exec(z)\"", (false, false)),
            ("node -e \"require('child_process').exec(z ? 'rm x' : 'ls')\"", (true, true)),
            ("php -r '\\$db->exec(\\$sql);'", (false, true)),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
