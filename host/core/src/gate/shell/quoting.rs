//! Where quoted and bracketed text ends, and what `$'…'` decodes to.
//!
//! Pure text; knows neither words nor commands.

use super::outline::Document;

/// Decodes what follows `$'`, up to and with the closing quote: the text and how many bytes it took.
pub(super) fn ansi_c(rest: &str) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\'' {
            return Some((String::from_utf8_lossy(&bytes).into_owned(), at + 1));
        }
        if c != '\\' {
            push_char(&mut bytes, c);
            continue;
        }
        let (_, escape) = chars.next()?;
        let mut digits = |first: Option<char>, radix: u32, most: usize| {
            let mut value = first.and_then(|digit| digit.to_digit(radix)).unwrap_or(0);
            let mut taken = usize::from(first.is_some());
            while taken < most {
                let Some(digit) = chars.peek().and_then(|(_, next)| next.to_digit(radix)) else { break };
                value = value.wrapping_mul(radix).wrapping_add(digit);
                taken += 1;
                chars.next();
            }
            value
        };
        match escape {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'e' | 'E' => bytes.push(27),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            'x' => push_byte(&mut bytes, digits(None, 16, 2)),
            'u' => push_char(&mut bytes, char::from_u32(digits(None, 16, 4)).unwrap_or('\u{fffd}')),
            'U' => push_char(&mut bytes, char::from_u32(digits(None, 16, 8)).unwrap_or('\u{fffd}')),
            'c' => push_byte(&mut bytes, chars.next().map_or(0, |(_, control)| u32::from(control) & 0x1f)),
            first @ '0'..='7' => push_byte(&mut bytes, digits(Some(first), 8, 3)),
            other @ ('\\' | '\'' | '"' | '?') => push_char(&mut bytes, other),
            other => {
                bytes.push(b'\\');
                push_char(&mut bytes, other);
            }
        }
    }
    None
}

fn push_byte(bytes: &mut Vec<u8>, value: u32) {
    bytes.push((value & 0xff) as u8);
}

fn push_char(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Byte offset of the partner of `open`, which `text` begins with; quotes, escapes and, in code, the bodies of
/// here-documents are stepped over.
pub(super) fn partner(text: &str, open: char, close: char) -> Option<usize> {
    // What is open: brackets, and double quotes, in which only `$(` and `${` open again.
    let mut open_quotes: Vec<char> = Vec::new();
    let mut documents: Vec<Document> = Vec::new();
    // In arithmetic `<<` shifts.
    let code = open == '(' && !text.starts_with("((");
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let in_double = open_quotes.last() == Some(&'"');
        match c {
            '\\' => {
                chars.next();
            }
            '\'' if !in_double => {
                let ansi = text.get(..at).is_some_and(|before| before.ends_with('$'));
                loop {
                    match chars.next()?.1 {
                        '\'' => break,
                        '\\' if ansi => {
                            chars.next();
                        }
                        _ => {}
                    }
                }
            }
            '"' if in_double => {
                open_quotes.pop();
            }
            '"' => open_quotes.push('"'),
            '`' => loop {
                match chars.next()?.1 {
                    '`' => break,
                    '\\' => {
                        chars.next();
                    }
                    _ => {}
                }
            },
            '$' if in_double => {
                if let Some((_, bracket @ ('(' | '{'))) = chars.peek().copied() {
                    chars.next();
                    open_quotes.push(if bracket == '(' { ')' } else { '}' });
                }
            }
            _ if in_double => {}
            '<' if code && open_quotes.last() == Some(&')') => {
                let rest = text.get(at..).unwrap_or_default();
                let used = match Document::announced(rest).filter(|_| !rest.starts_with("<<<")) {
                    Some((document, used)) => {
                        documents.push(document);
                        used
                    }
                    None => rest.len() - rest.trim_start_matches('<').len(),
                };
                while chars.next_if(|(next, _)| *next < at + used).is_some() {}
            }
            '\n' if !documents.is_empty() => {
                let mut end = at + 1;
                for document in documents.drain(..) {
                    // One that does not end is none: what follows is read as code.
                    end += text.get(end..).and_then(|rest| document.body(rest)).unwrap_or(0);
                }
                while chars.next_if(|(next, _)| *next < end).is_some() {}
            }
            '$' if open != '{' && matches!(chars.peek(), Some((_, '{'))) => {
                chars.next();
                open_quotes.push('}');
            }
            '$' if open != '(' && matches!(chars.peek(), Some((_, '('))) => {
                chars.next();
                open_quotes.push(')');
            }
            c if c == open => open_quotes.push(close),
            '(' if open_quotes.last() == Some(&')') => open_quotes.push(')'),
            c if open_quotes.last() == Some(&c) => {
                open_quotes.pop();
                if open_quotes.is_empty() {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether the bracket that `inner` begins with closes at its very end: `((…))` is arithmetic, `((a); (b))` is not.
pub(super) fn closes_at_end(inner: &str) -> bool {
    partner(inner, '(', ')').is_some_and(|end| end + 1 == inner.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_step_over_quotes() {
        let check = |text: &str, open, close, rest: &str| {
            let found = partner(text, open, close).and_then(|end| text.get(end + 1..));
            assert_eq!(found, Some(rest), "{text}");
        };
        check("(a) b", '(', ')', " b");
        check("(a ')' b) c", '(', ')', " c");
        check("(a \")\" b) c", '(', ')', " c");
        check("(a \"$(b \")\")\" b) c", '(', ')', " c");
        check("(a (b) c) d", '(', ')', " d");
        check("{a:-${b}} c", '{', '}', " c");
        check("{a:-$(b })} c", '{', '}', " c");
        check("(`)` a) b", '(', ')', " b");
        check("(a <<'E'\nit's ) \"\nE\n) b", '(', ')', " b");
        check("(a <<-E; c\n)\n\tE\n) b", '(', ')', " b");
        check("(a <<E <<'F'\n)\nE\n)\nF\n) b", '(', ')', " b");
        check("(a <<< 'b') c", '(', ')', " c");
        check("((1<<2)\n) b", '(', ')', " b");
        check("(a <<E) b\nE\n)", '(', ')', " b\nE\n)");
        check("(a <<E\n) b", '(', ')', " b");
        assert_eq!(partner("(a", '(', ')'), None);
    }

    #[test]
    fn ansi_c_decodes() {
        assert_eq!(ansi_c("\\x72\\155 \\'q' x"), Some(("rm 'q".to_owned(), 13)));
        assert_eq!(ansi_c("open"), None);
    }
}
