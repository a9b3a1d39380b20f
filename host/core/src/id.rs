//! Ids that the host derives: UUID v8 of a digest, so that the same thing twice has one id.
//!
//! Knows the version that tells them from all others; what goes into the digest is its maker's.

use uuid::Uuid;

/// The id of what has this SHA-256.
#[must_use]
pub fn derived(digest: [u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    Uuid::new_v8(bytes)
}

/// Whether an id is of the version that the host derives ids with. From outside such an id is not taken as it
/// is: whoever computes the id of a plugin's next emit could have their own event count as that emit.
#[must_use]
pub fn is_derived(id: Uuid) -> bool {
    id.get_version_num() == 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_its_digest_and_is_told_from_others() {
        assert_eq!(derived([1; 32]).to_string(), "01010101-0101-8101-8101-010101010101");
        assert!(is_derived(derived([1; 32])) && !is_derived(Uuid::now_v7()));
    }
}
