//! Telling a value from something that stands for one.

/// Words that stand in documentation and templates where a value would.
const WORDS: [&str; 12] = [
    "xxxx",
    "your",
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "redacted",
    "dummy",
    "insert",
    "replace",
    "secret_here",
    "sample",
];

/// Whether `value` is an expansion, a template or a word that stands for a value.
pub fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.bytes().any(|byte| matches!(byte, b'$' | b'{' | b'}' | b'<' | b'>' | b'*' | b'%' | b'`'))
        || value.contains("...")
        || is_monotonous(value)
        || WORDS.iter().any(|word| lower.contains(word))
}

/// Whether it is made of so few different characters that no generator wrote it: `xxxxxxxx`, `00000000`.
pub fn is_monotonous(value: &str) -> bool {
    let mut seen = [false; 256];
    for byte in value.bytes() {
        if let Some(slot) = seen.get_mut(usize::from(byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() <= 4
}

/// Shannon entropy of the bytes, in bits each.
pub fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = counts.iter().sum::<u32>().max(1);
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / f64::from(total));
    -shares.map(|share| share * share.log2()).sum::<f64>()
}
