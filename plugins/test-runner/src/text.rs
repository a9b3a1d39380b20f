//! Small shapes of text: cutting, durations, quoting, and the numbers that frameworks write.

use std::borrow::Cow;

/// What a cut text ends with.
const CUT_MARK: &str = "…";

/// `text` in at most `max` bytes (never less than the mark), cut between characters and marked.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub(CUT_MARK.len());
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    Cow::Owned(format!("{}{CUT_MARK}", text.get(..end).unwrap_or_default()))
}

/// Milliseconds for a person: `12 ms`, `3.4 s`, `2 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A command line for a person to read or to paste into a shell.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|one| one.is_ascii_alphanumeric() || "-_./:=,+@%~".contains(one))
    };
    let quoted = words
        .into_iter()
        .map(|word| if plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) });
    quoted.collect::<Vec<_>>().join(" ")
}

/// `text` split before its first number: `12 passed` is `(12, "passed")`. None where it begins otherwise.
pub fn number_and_rest(text: &str) -> Option<(u64, &str)> {
    let digits = text.len() - text.trim_start_matches(|one: char| one.is_ascii_digit()).len();
    let number = text.get(..digits)?.parse().ok()?;
    Some((number, text.get(digits..)?))
}

/// Seconds as written (`0.25`, `1,234.5` never) in whole milliseconds.
pub fn seconds_to_ms(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    whole.checked_mul(1_000)?.checked_add(thousandths.parse().ok()?)
}

/// A time with its unit as the JavaScript frameworks write it: `483ms`, `1.53s`, `3.014 s`, `2m 3s`, `1m`.
pub fn unit_to_ms(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (number, unit) = rest.split_at_checked(end)?;
        let unit = unit.trim_start();
        let length = unit.find(|one: char| !one.is_ascii_alphabetic()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at_checked(length)?;
        let seconds = seconds_to_ms(number)?;
        let ms = match unit {
            "ms" => seconds / 1_000,
            "s" => seconds,
            "m" | "min" => seconds.checked_mul(60)?,
            "h" => seconds.checked_mul(3_600)?,
            _ => return None,
        };
        total = total.checked_add(ms)?;
        rest = after.trim_start();
    }
    (!text.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
        assert_eq!(cut("ééé", 5), "é…");
        assert_eq!(cut("ééé", 1), "…");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!([0, 999, 3_450, 125_000].map(duration), ["0 ms", "999 ms", "3.4 s", "2 min 5 s"]);
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(command_line(["go", "test", "-run", "a b", "it's", ""]), "go test -run 'a b' 'it'\\''s' ''");
    }

    #[test]
    fn numbers_as_frameworks_write_them() {
        assert_eq!(number_and_rest("12 passed"), Some((12, " passed")));
        assert_eq!(number_and_rest("x"), None);
        assert_eq!(number_and_rest("99999999999999999999"), None);
        assert_eq!(
            ["0.25", "3", "1.2345", "x", "1.x", ""].map(seconds_to_ms),
            [Some(250), Some(3_000), Some(1_234), None, None, None]
        );
        assert_eq!(
            ["483ms", "1.53s", "3.014 s", "2m 3s", "1h", "", "5", "5 parsecs"].map(unit_to_ms),
            [Some(483), Some(1_530), Some(3_014), Some(123_000), Some(3_600_000), None, None, None]
        );
    }
}
