//! Options by which programs are told which file or folder to write, and places that programs write without one.
//!
//! The one table of them. Knows no rules and no folders.

use crate::gate::call::{ShellCommand, Word};
use crate::gate::fetchers;
use crate::gate::options::{positional, scan, scan_past, values, words};

/// How some programs, or some subcommands of one, are told what to write.
struct Outputs {
    names: &'static [&'static str],
    /// Its first words, options stepped over; empty where it has none.
    subcommands: &'static [&'static str],
    /// The letters of its options that take a value.
    letters: &'static str,
    /// The options whose value it writes.
    options: &'static [&'static str],
}

const OUTPUTS: [Outputs; 36] = [
    of(&["sort"], "koStT", &["-o", "--output"]),
    of(&["patch"], "pidFBVYzDgor", &["-o", "-d", "-r", "--output", "--directory", "--reject-file"]),
    of(&["unzip"], "dxP", &["-d"]),
    of(&["cp", "mv", "ln"], "tS", &["-t", "--target-directory"]),
    of(&["install"], "tSmog", &["-t", "--target-directory"]),
    of(&["7z", "7za", "7zr"], "o", &["-o"]),
    of(&["gpg", "gpg2", "age", "rage", "sops", "minisign"], "oru", &["-o", "--output"]),
    of(&["pandoc"], "otfVMcHABL", &["-o", "--output"]),
    of(&["psql", "pgcli"], "oLcdfhpUvFRPT", &["-o", "-L", "--output", "--log-file"]),
    of(&["pg_dump", "pg_dumpall", "pg_restore"], "fdhpUntFjZ", &["-f", "--file"]),
    of(&["mysqldump", "mariadb-dump"], "rhuPSw", &["-r", "--result-file", "--tab"]),
    of(&["xh", "xhs", "http", "https"], "oapA", &["-o", "--output"]),
    of(&["aria2c"], "doijsxkl", &["-d", "-o", "-l", "--dir", "--out", "--log"]),
    of(&["csplit"], "bfn", &["-f", "--prefix"]),
    of(
        &["script", "scriptlive"],
        "cEITBOmo",
        &["-O", "-B", "-T", "-I", "--log-out", "--log-io", "--log-timing", "--log-in"],
    ),
    of(&["strace", "ltrace"], "eopPsuaEIXbS", &["-o", "--output"]),
    of(&["tcpdump", "tshark", "dumpcap"], "wirsCGWzjFEyYTe", &["-w"]),
    of(&["iconv", "xxd", "dot", "neato", "xmllint", "cpp", "as", "protoc", "gcov"], "oftTcKGlsN", &["-o", "--output"]),
    of(&["yt-dlp", "youtube-dl"], "oPfS", &["-o", "-P", "--output", "--paths"]),
    of(
        &["base64", "base32", "jq", "yq", "openapi-generator", "esbuild", "tsc", "swc"],
        "o",
        &["--output", "--outfile", "--outFile", "--out-file", "--outdir"],
    ),
    of(&["crane", "oras", "skopeo", "cosign"], "o", &["-o", "--output"]),
    of(&["cosign", "syft", "trivy", "grype"], "of", &["--output", "--output-file", "--file"]),
    of_git(
        &["diff", "log", "show", "diff-tree", "diff-index", "diff-files", "whatchanged", "stash", "range-diff"],
        "SGOnUl",
        &["--output"],
    ),
    of_git(&["archive"], "o", &["-o", "--output"]),
    of_git(&["format-patch"], "ovn", &["-o", "--output-directory", "--output"]),
    of_git(&["bugreport", "diagnose"], "os", &["-o", "--output-directory"]),
    of_git(&["clone"], "bocjuO", &["--separate-git-dir"]),
    of_git(&["init"], "b", &["--separate-git-dir"]),
    of_git(&["fast-export"], "", &["--export-marks"]),
    of_git(&["rev-list", "checkout-index"], "", &["--prefix"]),
    Outputs {
        names: &["gh"],
        subcommands: &["release download", "run download"],
        letters: "DOpRAn",
        options: &["-D", "-O", "--dir", "--output"],
    },
    Outputs {
        names: &["gh"],
        subcommands: &["attestation download", "codespace cp"],
        letters: "ocR",
        options: &["-o", "--output"],
    },
    Outputs {
        names: &["kubectl", "oc"],
        subcommands: &["cluster-info dump"],
        letters: "no",
        options: &["--output-directory"],
    },
    Outputs {
        names: &["docker", "podman", "nerdctl"],
        subcommands: &["save", "export", "image save", "container export"],
        letters: "o",
        options: &["-o", "--output"],
    },
    Outputs {
        names: &["helm"],
        subcommands: &["template", "pull", "package", "fetch"],
        letters: "fnd",
        options: &["-d", "--destination", "--output-dir", "--untardir"],
    },
    Outputs {
        names: &["cargo", "npm", "pnpm"],
        subcommands: &["vendor", "pack"],
        letters: "",
        options: &["--pack-destination"],
    },
];

const fn of(names: &'static [&'static str], letters: &'static str, options: &'static [&'static str]) -> Outputs {
    Outputs { names, subcommands: &[], letters, options }
}

const fn of_git(
    subcommands: &'static [&'static str],
    letters: &'static str,
    options: &'static [&'static str],
) -> Outputs {
    Outputs { names: &["git"], subcommands, letters, options }
}

/// Programs whose options are words behind one dash, with those that name what they write.
const ONE_DASH: [(&[&str], &[&str]); 3] = [
    (&["gcc", "cc", "clang", "g++", "clang++", "ld", "go", "rustc"], &["-o", "--output"]),
    (&["openssl"], &["-out", "-keyout", "-CAserial", "-writerand", "-sess_out", "-keylogfile", "-certsout"]),
    (&["nmap"], &["-oN", "-oX", "-oG", "-oA", "-oS"]),
];

/// The values of options that name a file or a folder to write, attached or not.
pub(super) fn by_option(program: &str, args: &[Word]) -> Vec<Word> {
    let fetched: &[&str] = match program {
        "curl" => &[
            "-o",
            "-D",
            "-c",
            "--output",
            "--output-dir",
            "--dump-header",
            "--cookie-jar",
            "--trace",
            "--trace-ascii",
            "--stderr",
            "--etag-save",
            "--libcurl",
        ],
        _ => &[
            "-o",
            "-O",
            "-a",
            "-P",
            "--output-document",
            "--directory-prefix",
            "--output-file",
            "--append-output",
            "--save-cookies",
        ],
    };
    if let Some(items) = fetchers::items(program, args, fetched) {
        return values(&items, fetched);
    }
    if let Some((_, options)) = ONE_DASH.iter().find(|(names, _)| names.contains(&program)) {
        return behind_one_dash(args, options);
    }
    let told = OUTPUTS.iter().filter(|outputs| outputs.names.contains(&program) && outputs.is_about(args));
    told.flat_map(|outputs| values(&scan_past(args, outputs.letters, outputs.options), outputs.options)).collect()
}

impl Outputs {
    fn is_about(&self, args: &[Word]) -> bool {
        self.subcommands.is_empty() || self.subcommands.iter().any(|phrase| after(args, phrase).is_some())
    }
}

/// `-o file`, `-ofile` and, for options of one letter, `-o=file`.
fn behind_one_dash(args: &[Word], options: &[&str]) -> Vec<Word> {
    let pairs = args.windows(2).filter_map(|pair| match pair {
        [option, file] if options.contains(&option.text.as_str()) => Some(file.clone()),
        _ => None,
    });
    let attached = args.iter().filter_map(|arg| {
        let file = arg.text.strip_prefix("-o").filter(|file| file.starts_with(['/', '.', '=']))?;
        Some(Word { text: file.trim_start_matches('=').to_owned(), literal: arg.literal })
    });
    pairs.chain(attached).collect()
}

/// What stands behind a subcommand, options in front of it and between its words stepped over.
fn after<'a>(args: &'a [Word], phrase: &str) -> Option<&'a [Word]> {
    /// Options of `git`, `docker` and the like in front of a subcommand that take the next word.
    const VALUED: [&str; 18] = [
        "-C",
        "-c",
        "--git-dir",
        "--work-tree",
        "--namespace",
        "-H",
        "--host",
        "--context",
        "-n",
        "--kubeconfig",
        "-R",
        "--repo",
        "--profile",
        "--region",
        "--endpoint-url",
        "--project",
        "-f",
        "-p",
    ];
    let mut rest = args;
    for part in phrase.split(' ') {
        while let Some((option, tail)) = rest.split_first().filter(|(first, _)| first.text.starts_with('-')) {
            rest = if VALUED.contains(&option.text.as_str()) { tail.get(1..)? } else { tail };
        }
        let (first, tail) = rest.split_first()?;
        if first.text != part {
            return None;
        }
        rest = tail;
    }
    Some(rest)
}

/// The places that a program writes without an option for it: a copy's target, the last word, what a script says.
pub(super) fn by_place(command: &ShellCommand) -> Vec<Word> {
    let args = command.args.as_slice();
    match command.name() {
        "split" => positional(args, &["-a", "-b", "-C", "-l", "-n", "-t", "--bytes", "--lines", "--number"])
            .into_iter()
            .skip(1)
            .map(Word::clone)
            .collect(),
        "script" => positional(args, &["-c", "-E", "-I", "-T", "-B", "-O", "-m", "-o", "--command"])
            .into_iter()
            .take(1)
            .cloned()
            .collect(),
        "xxd" | "objcopy" => {
            positional(args, &["-c", "-g", "-l", "-o", "-s", "-O", "-I"]).into_iter().skip(1).cloned().collect()
        }
        // The last word, whatever the options in front take.
        "ffmpeg" | "sox" | "convert" | "magick" | "gs" | "qpdf" | "pdftotext" | "pdftoppm" => {
            args.iter().skip(1).next_back().filter(|last| !last.text.starts_with('-')).into_iter().cloned().collect()
        }
        "git" => git(args),
        "docker" | "podman" | "nerdctl" | "kubectl" | "oc" | "lxc" => copied_out(args),
        "aws" => after(args, "s3 cp").or_else(|| after(args, "s3 mv")).or_else(|| after(args, "s3 sync")).map_or_else(
            || {
                after(args, "s3api get-object")
                    .map_or_else(Vec::new, |rest| words_of(rest).last().cloned().into_iter().collect())
            },
            |rest| local(rest, "s3://"),
        ),
        "gsutil" => [after(args, "cp"), after(args, "mv"), after(args, "rsync")]
            .into_iter()
            .flatten()
            .flat_map(|rest| local(rest, "gs://"))
            .collect(),
        "gcloud" => [after(args, "storage cp"), after(args, "storage mv"), after(args, "storage rsync")]
            .into_iter()
            .flatten()
            .flat_map(|rest| local(rest, "gs://"))
            .collect(),
        "sqlite3" => said(args, &[".output", ".once", ".log", ".backup", ".save"]),
        "psql" => said(args, &["\\o", "\\out"]),
        "ex" | "vi" | "vim" | "nvim" | "view" => edited(args),
        "awk" | "gawk" if in_place_by_library(args) => {
            let items = scan(args, &["-f", "-F", "-v", "-i", "--include", "--file", "--assign"]);
            words(&items).into_iter().skip(1).cloned().collect()
        }
        _ => Vec::new(),
    }
}

/// `awk -i inplace`, `--include=inplace`.
fn in_place_by_library(args: &[Word]) -> bool {
    values(&scan(args, &["-f", "-F", "-v", "-i", "--include"]), &["-i", "--include"])
        .iter()
        .any(|library| library.text.contains("inplace"))
}

fn words_of(args: &[Word]) -> Vec<Word> {
    positional(args, &[]).into_iter().cloned().collect()
}

/// Of `from to` the last word, where it is no address of a store.
fn local(args: &[Word], scheme: &str) -> Vec<Word> {
    let words = words_of(args);
    let from_store = words.iter().any(|word| word.text.starts_with(scheme));
    // Options that are not known may have taken a word, so the last that is none counts.
    let to = words.last().filter(|word| from_store && !word.text.contains("://"));
    to.into_iter().cloned().collect()
}

/// `docker cp web:/x here`.
fn copied_out(args: &[Word]) -> Vec<Word> {
    let rest = ["cp", "container cp", "compose cp", "file pull"].into_iter().find_map(|phrase| after(args, phrase));
    let words = words_of(rest.unwrap_or_default());
    let to = words.last().filter(|to| words.len() > 1 && !to.text.contains(':') && to.text != "-");
    to.into_iter().cloned().collect()
}

/// Where `git clone` and `git bundle create` put what they make.
fn git(args: &[Word]) -> Vec<Word> {
    if let Some(rest) = after(args, "clone") {
        let valued = [
            "-b",
            "-o",
            "-c",
            "-j",
            "-u",
            "--branch",
            "--origin",
            "--config",
            "--jobs",
            "--upload-pack",
            "--depth",
            "--reference",
            "--reference-if-able",
            "--template",
            "--filter",
            "--server-option",
            "--shallow-since",
            "--shallow-exclude",
            "--separate-git-dir",
            "--bundle-uri",
            "--revision",
            "--ref-format",
        ];
        return positional(rest, &valued).into_iter().skip(1).take(1).cloned().collect();
    }
    if let Some(rest) = after(args, "bundle create") {
        return positional(rest, &["--version"]).into_iter().take(1).cloned().collect();
    }
    Vec::new()
}

/// The file that a console's own command names, given as one of its arguments: `.output x`, `\o x`.
fn said(args: &[Word], commands: &[&str]) -> Vec<Word> {
    let file = |arg: &Word| {
        let mut parts = arg.text.split_whitespace();
        let command = parts.next()?;
        let file = parts.next_back().filter(|_| commands.contains(&command))?;
        Some(Word { text: file.trim_matches(['\'', '"']).to_owned(), literal: arg.literal })
    };
    args.iter().filter_map(file).collect()
}

/// What an editor that is given commands writes: `w! file`, and the files it is called with where it says `w` or `x`.
fn edited(args: &[Word]) -> Vec<Word> {
    let mut commands: Vec<&Word> = Vec::new();
    let mut files: Vec<&Word> = Vec::new();
    let mut silent = false;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = arg.text.as_str();
        match text.strip_prefix('-') {
            None if text.starts_with('+') => commands.push(arg),
            None => files.push(arg),
            Some("-cmd" | "S" | "u" | "i" | "T") => {
                rest.next();
            }
            Some(long) if long.starts_with('-') => {}
            // `-c command`, `-sc command`, `-cx`.
            Some(letters) => match letters.split_once('c') {
                Some((before, attached)) => {
                    silent |= before.contains(['s', 'e', 'E']);
                    if attached.is_empty() {
                        commands.extend(rest.next());
                    } else {
                        commands.push(arg);
                    }
                }
                None => silent |= letters.contains(['s', 'e', 'E']),
            },
        }
    }
    let written: Vec<Word> = commands.iter().filter_map(|command| saved_as(command)).collect();
    let saves = commands.iter().any(|command| saves(&command.text));
    let own = files.into_iter().filter(|_| saves || silent).cloned();
    own.chain(written).collect()
}

/// The commands of one that an editor is given: `-cwq`, `+w|q`, `1d|w! x`.
fn parts_of(command: &str) -> impl Iterator<Item = &str> {
    let command = command.strip_prefix("-c").unwrap_or(command).trim_start_matches('+');
    command.split(['|', '\n']).map(|part| part.trim().trim_start_matches([':', '%', '$', '.', ',']))
}

fn verb_of(part: &str) -> (&str, &str) {
    let part = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',');
    part.split_at(part.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(part.len()))
}

fn saves(command: &str) -> bool {
    let is_save = |verb: &str| {
        matches!(
            verb,
            "w" | "wr" | "wri" | "writ" | "write" | "wq" | "wa" | "wqa" | "wall" | "x" | "xa" | "xit" | "up" | "update"
        )
    };
    parts_of(command).any(|part| is_save(verb_of(part).0))
}

fn saved_as(command: &Word) -> Option<Word> {
    parts_of(&command.text).find_map(|part| {
        let (verb, rest) = verb_of(part);
        let named = matches!(verb, "w" | "wr" | "wri" | "writ" | "write" | "sav" | "saveas" | "wq" | "up" | "update");
        let file = rest.trim_start_matches(['!', ' ']).trim_start_matches(">>").trim();
        // `w !program` is no file.
        (named && !file.is_empty() && !rest.trim_start_matches('!').trim_start().starts_with('!'))
            .then(|| Word { text: file.to_owned(), literal: command.literal })
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use crate::gate::shell::parse_blocking;
    use crate::gate::targets::written;

    #[test]
    fn what_programs_are_told_to_write_is_known() {
        for (line, expected) in [
            ("git diff --output=a HEAD", "a"),
            ("git -C x log -1 --output a", "a"),
            ("git archive -o a HEAD", "a"),
            ("git format-patch -o a -1", "a"),
            ("git bundle create a HEAD", "a"),
            ("git clone --depth 1 https://x/y a", "a"),
            ("git clone https://x/y", ""),
            ("git status -o a", ""),
            ("gpg -o a -d b", "a"),
            ("openssl enc -in b -out a", "a"),
            ("pandoc b.md -o a", "a"),
            ("psql -o a -c 'select 1'", "a"),
            ("psql -c '\\o a' -c 'select 1'", "a"),
            ("ffmpeg -i b -y a", "a"),
            ("split -b 1 b a", "a"),
            ("csplit -f a b 1", "a"),
            ("script -q a", "a"),
            ("script -qc ls a", "a"),
            ("xh -o a https://x", "a"),
            ("aria2c -d a -o b https://x", "a b"),
            ("gh release download v1 -O a", "a"),
            ("gh release view v1", ""),
            ("aws s3 cp s3://b/k a", "a"),
            ("aws s3 cp a s3://b/k", ""),
            ("aws --region x s3 sync s3://b a", "a"),
            ("gsutil cp gs://b/k a", "a"),
            ("docker cp web:/x a", "a"),
            ("docker cp a web:/x", ""),
            ("kubectl -n x cp pod:/x a", "a"),
            ("sqlite3 b.db '.output a' 'select 1'", "b.db a"),
            ("ex -sc '1d|x' a", "a"),
            ("ex -sc '$a|text' -cx a", "a"),
            ("vim -es '+w! a' b", "b a"),
            ("vim -c 'w! a' -c q b", "b a"),
            ("vim -c 'set nu' b", ""),
            ("vim b", ""),
            ("gawk -i inplace '{print}' a", "a"),
            ("gawk '{print}' a", ""),
            ("ruby -i -pe x a", "a"),
            ("ruby -pe x a", ""),
            ("yq -i .a=1 a", "a"),
            ("yq .a b", ""),
        ] {
            let commands = parse_blocking(line).commands;
            let found: Vec<String> = written(commands.first().unwrap()).into_iter().map(|word| word.text).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        }
    }
}
