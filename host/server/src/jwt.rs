//! JSON Web Tokens of an issuer that the operator names: one algorithm, one key, one audience, one issuer. Says what a
//! token's claims are, or nothing; knows no request, and nothing of what the scopes in it open.

use crate::reach::{Names, Reach};
use crate::scope::Scopes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use tollgate_core::event::MAX_NAME_BYTES;
use tollgate_core::time::Timestamp;

/// Longest token that is looked at: one with some hundred rooms and sessions. What is longer is refused unread.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// The shortest shared secret: as long as what HS256 makes of it, or it is easier to guess than its signature.
const MIN_SECRET_BYTES: usize = 32;
/// Most rooms, and most sessions, that a token names: each session is looked up by itself where questions are listed.
const MAX_NAMES: usize = 256;
/// The longest name of a user, so that `user:<name>` is a source.
const MAX_USER_BYTES: usize = MAX_NAME_BYTES - "user:".len();

/// How tokens are signed; a token that says otherwise is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// A secret that the issuer and this host share.
    Hs256,
    /// RSA with PKCS #1 v1.5 and SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// As tokens name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn theirs(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtKeyError {
    /// A secret that can be guessed.
    #[error("the secret has {0} bytes; HS256 needs {MIN_SECRET_BYTES} or more, such as `openssl rand -hex 32` makes")]
    Short(usize),
    /// Not a key of the algorithm.
    #[error("this is no public key for {algorithm} in PEM (`-----BEGIN PUBLIC KEY-----`): {reason}")]
    Unreadable {
        /// The algorithm.
        algorithm: &'static str,
        /// The reader's words.
        reason: String,
    },
}

/// Tells a good token from a bad one.
pub struct Jwt {
    key: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("algorithms", &self.validation.algorithms).finish_non_exhaustive()
    }
}

/// What a good token says of whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) user: Arc<str>,
    pub(crate) scopes: Scopes,
    pub(crate) reach: Reach,
    /// From when on it counts no more.
    pub(crate) until: Timestamp,
}

/// The claims that are looked at. What a token does not say it does not give.
#[derive(Deserialize)]
struct Body {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    /// Scopes as tokens of this host have them, a space between two.
    #[serde(default)]
    scope: String,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    sessions: Vec<String>,
    /// Present, and a text: the issuer is held against ours by whoever verifies the signature.
    #[serde(rename = "iss")]
    _issuer: String,
}

impl Jwt {
    /// For tokens of `issuer` that are meant for `audience`, signed so. `key` is the secret of HS256, else a public key
    /// in PEM.
    ///
    /// # Errors
    /// When it is no key of that algorithm, or a secret that is too short.
    pub fn new(algorithm: JwtAlgorithm, key: &[u8], audience: &str, issuer: &str) -> Result<Self, JwtKeyError> {
        let read = match algorithm {
            JwtAlgorithm::Hs256 if key.len() < MIN_SECRET_BYTES => return Err(JwtKeyError::Short(key.len())),
            JwtAlgorithm::Hs256 => Ok(DecodingKey::from_secret(key)),
            JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(key),
            JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(key),
        };
        let unreadable = |error: jsonwebtoken::errors::Error| JwtKeyError::Unreadable {
            algorithm: algorithm.as_str(),
            reason: error.to_string(),
        };
        let mut validation = Validation::new(algorithm.theirs());
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // The times are held against the host's own clock, to the second.
        validation.validate_exp = false;
        Ok(Self { key: read.map_err(unreadable)?, validation })
    }

    /// Whether a text is to be taken for one: three parts.
    pub(crate) fn looks_like(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// What a token says, where it counts now.
    ///
    /// # Errors
    /// Why it does not, for the log alone: whoever sent it is not told how to make a better one.
    pub(crate) fn read(&self, token: &str, now: Timestamp) -> Result<Claims, String> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!("{} bytes, at most {MAX_TOKEN_BYTES}", token.len()));
        }
        let read = decode::<Body>(token, &self.key, &self.validation).map_err(|error| error.to_string())?;
        if read.header.crit.is_some() {
            return Err("`crit` asks for what is not known here".to_owned());
        }
        let Body { sub, exp, nbf, scope, rooms, sessions, .. } = read.claims;
        let until = timestamp(exp).ok_or("`exp` is no time")?;
        if until <= now {
            return Err(format!("counted until {until}"));
        }
        if let Some(nbf) = nbf {
            let from = timestamp(nbf).ok_or("`nbf` is no time")?;
            if from > now {
                return Err(format!("counts from {from} on"));
            }
        }
        if sub.is_empty() || sub.len() > MAX_USER_BYTES || sub.contains(char::is_control) {
            return Err(format!("`sub`: 1 to {MAX_USER_BYTES} bytes without control characters"));
        }
        let scopes: Vec<&str> = scope.split_ascii_whitespace().collect();
        let scopes = Scopes::parse(&scopes).map_err(|reason| format!("`scope`: {reason}"))?;
        if rooms.len().max(sessions.len()) > MAX_NAMES {
            return Err(format!("`rooms` and `sessions`: at most {MAX_NAMES} each; `*` is all"));
        }
        let reach = Reach { sessions: Names::read(&sessions), rooms: Names::read(&rooms) };
        Ok(Claims { user: sub.into(), scopes, reach, until })
    }
}

/// Seconds since 1970, with a fraction or without, in whole milliseconds.
fn timestamp(seconds: f64) -> Option<Timestamp> {
    seconds.is_finite().then_some((seconds * 1_000.0) as i64).and_then(Timestamp::from_millis)
}

#[cfg(test)]
pub(crate) mod tests;
