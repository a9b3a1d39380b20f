//! How `curl` and `wget` read their arguments.

use super::call::{Word, base_name};
use super::options::{Item, given, scan_past, values, words};

/// The arguments of one of them; none of any other program. `long` are its long options that the caller asks for.
pub(super) fn items<'a>(program: &str, args: &'a [Word], long: &[&str]) -> Option<Vec<Item<'a>>> {
    // The letters of options that take a value.
    let letters = match program {
        "curl" => "AbcCdDeEFhHKmoPQrtTuUwxXyYz",
        "wget" => "oaeiBtOTwQPUlADIRX",
        _ => return None,
    };
    Some(scan_past(args, letters, long))
}

/// The files that one of them names by their addresses. One that the server may name, or that is spelled with `%`, is
/// `*` as well: nobody knows its name.
pub(super) fn by_address(program: &str, args: &[Word]) -> Vec<Word> {
    let long = ["--output", "--output-document", "--directory-prefix", "--output-dir"];
    let Some(items) = items(program, args, &long) else { return Vec::new() };
    let (by_address, by_server, folder) = match program {
        "curl" => (
            given(&items, &["-O", "--remote-name", "--remote-name-all"]),
            given(&items, &["-J", "--remote-header-name"]),
            values(&items, &["--output-dir"]),
        ),
        _ => (
            !given(&items, &["-O", "--output-document"]),
            given(&items, &["--content-disposition", "--trust-server-names", "-i", "--input-file"]),
            values(&items, &["-P", "--directory-prefix"]),
        ),
    };
    if !by_address {
        return Vec::new();
    }
    let mut names: Vec<Word> = words(&items).into_iter().map(named).collect();
    if by_server || names.iter().any(|name| name.text.contains('%')) {
        names.push(Word { text: "*".to_owned(), literal: false });
    }
    if let Some(folder) = folder.last() {
        for name in &mut names {
            let text = format!("{}/{}", folder.text, name.text);
            *name = Word { text, literal: name.literal && folder.literal };
        }
    }
    names
}

/// The last part of an address, without its question.
fn named(address: &Word) -> Word {
    let path = address.text.split(['?', '#']).next().unwrap_or_default();
    // What is fetched of a folder.
    let name = Some(base_name(path)).filter(|name| !name.is_empty()).unwrap_or("index.html");
    Word { text: name.to_owned(), literal: address.literal }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn files_are_named_by_their_addresses() {
        for (line, expected) in [
            ("wget https://x/a/i.sh?v=1", "i.sh"),
            ("wget -q https://x/ y.example/b", "index.html b"),
            ("wget -O a https://x/b", ""),
            ("wget -qO- https://x/b", ""),
            ("wget -P src https://x/b", "src/b"),
            ("wget https://x/settings%2ejson", "settings%2ejson *"),
            ("wget --content-disposition https://x/b", "b *"),
            ("wget -i list", "*"),
            ("curl https://x/b", ""),
            ("curl -o a https://x/b", ""),
            ("curl -fsSLO https://x/b", "b"),
            ("curl -OJ https://x/b", "b *"),
            ("curl --output-dir src -O https://x/b", "src/b"),
            ("ls https://x/b", ""),
        ] {
            let words: Vec<Word> = line.split(' ').map(|word| Word { text: word.to_owned(), literal: true }).collect();
            let (program, args) = words.split_first().unwrap();
            let named: Vec<String> = by_address(&program.text, args).into_iter().map(|name| name.text).collect();
            assert_eq!(named.join(" "), expected, "{line}");
        }
    }
}
