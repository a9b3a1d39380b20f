//! Who may have written a plugin: minisign signatures, held against the keys that the operator trusts. Knows nothing of
//! folders; what runs is what it verified.

use crate::component::{self, Rejection, Stage};
use minisign_verify::{Error, PublicKey, Signature};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The largest signature file, in bytes: minisign's own comments have at most 9 KiB.
pub const MAX_SIGNATURE_BYTES: u64 = 16 * 1_024;
/// Most keys: each is tried, and an operator who trusts more people trusts nobody in particular.
pub const MAX_SIGNATURE_KEYS: usize = 32;

/// A public key that plugins may be signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureKey(PublicKey);

/// Why signature rules make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRulesError {
    /// A key is no key.
    #[error("`{0}` is no minisign public key: paste the second line of the .pub file, which begins with RW")]
    Key(String),
    /// More than [`MAX_SIGNATURE_KEYS`].
    #[error("{0} keys are more than {MAX_SIGNATURE_KEYS}: leave out those that sign no more")]
    TooManyKeys(usize),
    /// Signatures are asked for, and nothing could verify one.
    #[error("no plugin could ever be loaded: put the keys that sign them into `keys`, or leave this out")]
    RequiredWithoutKeys,
}

impl SignatureKey {
    /// Reads a key as minisign writes it: base64, one line.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, SignatureRulesError> {
        // A mistake may be anything, also something long or secret.
        let shown = || crate::fault::cut(text.to_owned(), 16);
        PublicKey::from_base64(text).map(Self).map_err(|_| SignatureRulesError::Key(shown()))
    }
}

/// Which components may run. The default lets all of them, and looks at no signature.
#[derive(Debug, Clone, Default)]
pub struct SignatureRules {
    keys: Vec<SignatureKey>,
    required: bool,
    /// Digests of what needs no signature of its own.
    own: BTreeSet<String>,
}

impl SignatureRules {
    /// Signatures are held against `keys`; where `required`, a component without one is refused.
    ///
    /// # Errors
    /// When signatures are required and there is no key, or there are too many.
    pub fn new(keys: Vec<SignatureKey>, required: bool) -> Result<Self, SignatureRulesError> {
        if keys.len() > MAX_SIGNATURE_KEYS {
            return Err(SignatureRulesError::TooManyKeys(keys.len()));
        }
        if required && keys.is_empty() {
            return Err(SignatureRulesError::RequiredWithoutKeys);
        }
        Ok(Self { keys, required, own: BTreeSet::new() })
    }

    /// Needs no signature of these components: they are the host's own, as trusted as the host. One that is signed all
    /// the same is verified like any other.
    #[must_use]
    pub fn trusting<'a>(mut self, components: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.own.extend(components.into_iter().map(component::digest));
        self
    }

    /// Whether signatures are looked at.
    pub(crate) fn are_set(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Lets the component of `plugin` pass, or not; `signature` is what lies beside it.
    pub(crate) fn verify(
        &self,
        plugin: &str,
        bytes: Vec<u8>,
        signature: Option<String>,
    ) -> Result<Verified, Rejection> {
        let digest = component::digest(&bytes);
        let refused = |cause: String| Rejection::new(Stage::Signature, cause);
        match &signature {
            Some(text) if self.are_set() => {
                self.holds(&bytes, text).map_err(|cause| refused(format!("{plugin}.wasm.minisig {cause}")))?;
            }
            None if self.required && !self.own.contains(&digest) => {
                return Err(refused(format!(
                    "{plugin}.wasm has no signature, and `[plugins] require_signature` asks for one: put \
                     {plugin}.wasm.minisig beside it, made by `minisign -Sm {plugin}.wasm` with one of `[plugins] keys`"
                )));
            }
            _ => {}
        }
        Ok(Verified { bytes: bytes.into(), digest: digest.into(), signature: signature.map(Arc::from) })
    }

    fn holds(&self, bytes: &[u8], text: &str) -> Result<(), String> {
        let signature = Signature::decode(text).map_err(|error| format!("is no minisign signature: {error}"))?;
        let mut cause = "is by a key that `[plugins] keys` does not name: sign it with one of those, or add its key";
        for SignatureKey(key) in &self.keys {
            match key.verify(bytes, &signature, false) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(Error::UnexpectedAlgorithm) => {
                    cause = "is of minisign's old kind, which signs no hash: sign again without `-l`";
                }
                Err(_) => cause = "is not a signature of these bytes: copy both files again, or sign again",
            }
        }
        Err(cause.to_owned())
    }
}

/// A component that the rules let pass: these bytes, and no others read later. Made by [`SignatureRules::verify`]
/// alone, and nothing else is compiled.
#[derive(Clone)]
pub(crate) struct Verified {
    bytes: Arc<[u8]>,
    digest: Arc<str>,
    signature: Option<Arc<str>>,
}

impl Verified {
    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Hex of the SHA-256 of the bytes.
    pub(crate) fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// What lay beside them, verified where there are keys.
    pub(crate) fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::tests::signing::Signer;
    use proptest::{prop_assert, proptest};

    /// What minisign itself made: two key pairs, and of each a signature of an empty component.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const FIRST: &str = "RWTixxHWpXNccqhlGC2OavAnB6SZQ0DCFW3Kig/EJbr47lxojh9VYtmu";
    const BY_FIRST: &str = "untrusted comment: a test\n\
        RUTixxHWpXNccss4xqY+xccDrKZbe5wpZ6MPch0HxgEqt7Z37/7J70WQ1YsKS3cyhMCNbA/3hbUvUmjJyqQI3t6uD7s7E46p9QU=\n\
        trusted comment: made for a test\n\
        Rv/4U0MXBuKq14PP6xmRWTTr+8b2BBKcPOxUjFR3wtDerlW6hbrOSnH8xNpgpeQPyl8BK/mEQzYLMQ+W+U4RBg==\n";
    const SECOND: &str = "RWRV5pyQFczHTqa/sl0BJz8IL3aUKB/43bkGPkVe6ESv1hLy2vwHLq02";
    const BY_SECOND: &str = "untrusted comment: a test\n\
        RURV5pyQFczHTux1GjHMTzWyW0kjQlyrWJY69G42Jg4D1nQkXLNGAjbv1vPNPPsrDXO5mC6Flo3ZY3gb7zIS+Syj+ddnrAuwtgY=\n\
        trusted comment: made for a test\n\
        7pgNUWWbDizHSdEmxTRJJq9g45ZoCnmdf4sRMm+tGcHNMS9YbjMGSIHmfnRGAOsys9IU0j6U0t7vpqa1Mn9fAQ==\n";

    fn rules(keys: &[&str], required: bool) -> SignatureRules {
        SignatureRules::new(keys.iter().map(|key| SignatureKey::parse(key).unwrap()).collect(), required).unwrap()
    }

    #[track_caller]
    fn passes(rules: &SignatureRules, bytes: &[u8], signature: Option<&str>) {
        let verified = rules.verify("tiny", bytes.to_vec(), signature.map(str::to_owned)).unwrap();
        assert_eq!((&**verified.bytes(), verified.signature()), (bytes, signature));
        assert_eq!(**verified.digest(), *component::digest(bytes));
    }

    #[track_caller]
    fn refused(rules: &SignatureRules, bytes: &[u8], signature: Option<&str>, part: &str) {
        let rejection = rules.verify("tiny", bytes.to_vec(), signature.map(str::to_owned)).err().unwrap();
        assert_eq!(rejection.stage, Stage::Signature);
        assert!(rejection.cause.starts_with("tiny.wasm") && rejection.cause.contains(part), "{rejection}");
    }

    #[test]
    fn a_signature_that_is_there_holds_for_these_bytes_and_one_of_the_keys() {
        for required in [false, true] {
            let both = rules(&[FIRST, SECOND], required);
            passes(&both, EMPTY, Some(BY_FIRST));
            passes(&both, EMPTY, Some(BY_SECOND));
            let first = rules(&[FIRST], required);
            refused(&first, EMPTY, Some(BY_SECOND), "does not name");
            refused(&first, b"\0asm\x0d\0\x01\x01", Some(BY_FIRST), "not a signature of these bytes");
            refused(&first, b"", Some(BY_FIRST), "not a signature of these bytes");
        }
        refused(&rules(&[FIRST], true), EMPTY, None, "minisign -Sm tiny.wasm");
        passes(&rules(&[FIRST], false), EMPTY, None);
        passes(&SignatureRules::default(), EMPTY, None);
        passes(&SignatureRules::default(), EMPTY, Some("nobody looks at it"));
    }

    #[test]
    fn every_part_of_a_signature_counts() {
        let first = rules(&[FIRST], false);
        for (from, to) in [
            ("ss4x", "ss4y"),
            // The trusted comment is signed too; the other is not.
            ("made for", "made by"),
            ("Rv/4", "Rv/5"),
        ] {
            refused(&first, EMPTY, Some(&BY_FIRST.replacen(from, to, 1)), "not a signature of these bytes");
        }
        passes(&first, EMPTY, Some(&BY_FIRST.replacen("a test", "another", 1)));
        // Of the other key, and it says that it is of this one.
        let signer = Signer::new(1);
        refused(&first, EMPTY, Some(&signer.posing_as(FIRST, EMPTY)), "not a signature of these bytes");
        refused(&first, EMPTY, Some(&BY_FIRST.replacen("RUT", "RWT", 1)), "without `-l`");
        let lines: Vec<&str> = BY_FIRST.lines().collect();
        for text in ["", "\n\n\n\n", "RWT", &lines.get(..3).unwrap().join("\n"), &BY_FIRST.replace("RUT", "XXT"), FIRST]
        {
            refused(&first, EMPTY, Some(text), "is no minisign signature");
        }
    }

    proptest! {
        /// A signature file is anybody's to write: nothing that is made of one, or of noise, panics or passes for
        /// other bytes.
        #[test]
        fn no_text_passes_for_other_bytes(at in 0..BY_FIRST.len(), with in ".{0,3}", noise in ".{0,200}") {
            let rules = rules(&[FIRST, SECOND], true);
            let altered = format!("{}{with}{}", &BY_FIRST.get(..at).unwrap(), &BY_FIRST.get(at + 1..).unwrap());
            for text in [altered, noise.clone(), noise.replace(' ', "\n")] {
                prop_assert!(rules.verify("tiny", b"other".to_vec(), Some(text)).is_err());
            }
        }
    }

    #[test]
    fn what_is_the_hosts_own_needs_none_and_a_wrong_one_counts_still() {
        let own = rules(&[FIRST], true).trusting([EMPTY]);
        passes(&own, EMPTY, None);
        passes(&own, EMPTY, Some(BY_FIRST));
        refused(&own, EMPTY, Some(BY_SECOND), "does not name");
        refused(&own, b"other", None, "has no signature");
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        for text in ["", "RW", "not a key", &FIRST[..20], &format!("{FIRST}AAAA"), BY_FIRST, &FIRST.replace("RW", "XX")]
        {
            let error = SignatureKey::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no minisign public key") && error.len() < 200, "{error}");
        }
        assert_eq!(SignatureRules::new(Vec::new(), true).err(), Some(SignatureRulesError::RequiredWithoutKeys));
        let key = SignatureKey::parse(FIRST).unwrap();
        assert!(SignatureRules::new(vec![key.clone(); MAX_SIGNATURE_KEYS], true).is_ok());
        let error = SignatureRules::new(vec![key; MAX_SIGNATURE_KEYS + 1], false).err();
        assert_eq!(error, Some(SignatureRulesError::TooManyKeys(MAX_SIGNATURE_KEYS + 1)));
    }
}
