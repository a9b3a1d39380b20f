//! What outlives an event: which processes have ended, and what was noted of them. Bounded: a ring of keys in the
//! store, the oldest forgotten first.

use tollgate_sdk::{StoreError, store};

/// How many keys are remembered. With keys and values of at most 100 bytes, and the ring's own, this stays well
/// below the store's 1 MiB.
pub const MAX_REMEMBERED: u64 = 2_048;
/// Longer process ids are shortened to this many bytes and told apart by a hash.
const MAX_ID_BYTES: usize = 48;
const NEXT: &str = "ring";

/// Key of "this process has had its terminal event".
pub fn ended(id: &str) -> String {
    format!("ended/{}", short(id))
}

/// Key of what was noted of a process.
pub fn noted(id: &str) -> String {
    format!("noted/{}", short(id))
}

/// What is remembered under `key`.
pub fn recall(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(kept(key)?.map(|(_, value)| value))
}

/// Place in the ring and value of `key`: kept together, since a key that was forgotten and is remembered again
/// stands in the ring twice.
fn kept(key: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let split = |bytes: Vec<u8>| {
        let at = bytes.iter().position(|byte| *byte == b' ')?;
        let slot = std::str::from_utf8(bytes.get(..at)?).ok()?.parse().ok()?;
        Some((slot, bytes.get(at + 1..)?.to_vec()))
    };
    Ok(store::get(key)?.and_then(split))
}

/// Remembers `value` under `key`; forgets the oldest key where there are too many.
pub fn remember(key: &str, value: &[u8]) -> Result<(), StoreError> {
    let slot = match kept(key)? {
        Some((slot, _)) => slot,
        None => {
            let next = store::get(NEXT)?.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse::<u64>().ok());
            let next = next.unwrap_or(0);
            let slot = next % MAX_REMEMBERED;
            take_place(slot, key)?;
            store::set(NEXT, next.wrapping_add(1).to_string().as_bytes())?;
            slot
        }
    };
    store::set(key, &[format!("{slot} ").as_bytes(), value].concat())
}

/// Gives the place to `key`, and forgets the key that has it.
fn take_place(slot: u64, key: &str) -> Result<(), StoreError> {
    let place = format!("ring/{slot}");
    if let Some(oldest) = store::get(&place)?.and_then(|bytes| String::from_utf8(bytes).ok())
        && kept(&oldest)?.is_some_and(|(its, _)| its == slot)
    {
        store::delete(&oldest)?;
    }
    store::set(&place, key.as_bytes())
}

/// Forgets `key`. Its place in the ring is taken when its turn comes.
pub fn forget(key: &str) -> Result<(), StoreError> {
    store::delete(key)
}

/// `id`, or its beginning and a hash.
fn short(id: &str) -> String {
    if id.len() <= MAX_ID_BYTES {
        return id.to_owned();
    }
    // FNV-1a: ids are not secrets, and a clash costs one translated event.
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let begin: String = id.chars().take(MAX_ID_BYTES / 4).collect();
    format!("{begin}~{hash:016x}")
}
