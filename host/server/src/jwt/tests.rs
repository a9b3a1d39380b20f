//! Good tokens, and a corpus of bad ones: each is one change away from a good one. The pairs of keys are made anew each
//! time.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

pub(crate) const SECRET: &[u8] = b"a shared secret that is for tests only";
static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair::of(private.as_ref(), public.as_ref())
});
static ED: LazyLock<Pair> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair::of(pair.to_pkcs8v1().unwrap().as_ref(), public.as_ref())
});
pub(crate) const AUDIENCE: &str = "tollgate-test";
pub(crate) const ISSUER: &str = "https://id.example.org";
/// 2026-01-27T10:21:33Z.
const NOW: i64 = 1_769_509_293;

/// A pair of keys in PEM.
struct Pair {
    private: Vec<u8>,
    public: Vec<u8>,
}

impl Pair {
    fn of(private: &[u8], public: &[u8]) -> Self {
        let pem = |name: &str, der: &[u8]| {
            let (text, dashes) = (BASE64_STANDARD.encode(der), "-----");
            let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
            format!("{dashes}BEGIN {name}{dashes}\n{}\n{dashes}END {name}{dashes}\n", lines.join("\n")).into_bytes()
        };
        Self { private: pem("PRIVATE KEY", private), public: pem("PUBLIC KEY", public) }
    }
}

fn host(algorithm: JwtAlgorithm) -> Jwt {
    let key = match algorithm {
        JwtAlgorithm::Hs256 => SECRET,
        JwtAlgorithm::Rs256 => &RSA.public,
        JwtAlgorithm::EdDsa => &ED.public,
    };
    Jwt::new(algorithm, key, AUDIENCE, ISSUER).unwrap()
}

/// For a host whose clock is the system's.
pub(crate) fn shared() -> Jwt {
    host(JwtAlgorithm::Hs256)
}

/// A token for [`shared`], of these claims.
pub(crate) fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// What a good token says that counts for `seconds` from `now` on.
pub(crate) fn claims(now: i64, seconds: i64, scope: &str) -> Value {
    json!({"sub": "ada", "aud": AUDIENCE, "iss": ISSUER, "exp": now + seconds, "scope": scope,
        "rooms": ["*"], "sessions": ["*"]})
}

fn good() -> Value {
    claims(NOW, 60, "read:task.* approve")
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = good();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

fn part(value: &Value) -> String {
    base64(value.to_string().as_bytes())
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[usize::try_from(bits >> (18 - 6 * place) & 63).unwrap()]));
        }
    }
    text
}

/// A token with a header of one's own, signed as HS256 with this key.
fn forged(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes(), &EncodingKey::from_secret(key), Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn read(jwt: &Jwt, token: &str) -> Result<Claims, String> {
    jwt.read(token, Timestamp(NOW * 1_000))
}

#[test]
fn a_good_token_of_each_algorithm_says_who_and_what() {
    for (algorithm, key) in [
        (JwtAlgorithm::Hs256, EncodingKey::from_secret(SECRET)),
        (JwtAlgorithm::Rs256, EncodingKey::from_rsa_pem(&RSA.private).unwrap()),
        (JwtAlgorithm::EdDsa, EncodingKey::from_ed_pem(&ED.private).unwrap()),
    ] {
        let token = encode(&Header::new(algorithm.theirs()), &good(), &key).unwrap();
        let claims = read(&host(algorithm), &token).unwrap();
        assert_eq!((&*claims.user, claims.until), ("ada", Timestamp((NOW + 60) * 1_000)));
        assert_eq!(claims.scopes, Scopes::parse(&["read:task.*", "approve"]).unwrap());
        assert_eq!(claims.reach, Reach::ALL);
        for other in [JwtAlgorithm::Hs256, JwtAlgorithm::Rs256, JwtAlgorithm::EdDsa] {
            assert_eq!(read(&host(other), &token).is_ok(), other == algorithm, "{algorithm:?} before {other:?}");
        }
    }
}

#[test]
fn what_a_token_does_not_name_it_does_not_reach() {
    let claims = json!({"sub": "ada", "aud": ["other", AUDIENCE], "iss": ISSUER, "exp": NOW as f64 + 0.5,
        "nbf": NOW, "scope": "read", "rooms": ["village:v1"]});
    let claims = read(&shared(), &signed(&claims)).unwrap();
    assert!(claims.reach.room("village", "v1") && !claims.reach.room("village", "v2"));
    assert!(!claims.reach.session(Some("s1")) && !claims.reach.session(None));
    assert_eq!(claims.until, Timestamp(NOW * 1_000 + 500), "to the millisecond");
}

#[test]
fn no_bad_token_counts() {
    let own = json!({"alg": "HS256", "typ": "JWT"});
    let good_one = signed(&good());
    let names: Vec<String> = (0..=MAX_NAMES).map(|count| format!("s{count}")).collect();
    let corpus = [
        // Not signed, or not by whom and how it was agreed.
        ("alg none", format!("{}.{}.", part(&json!({"alg": "none"})), part(&good())), "unknown variant"),
        ("alg None", format!("{}.{}.", part(&json!({"alg": "None"})), part(&good())), "unknown variant"),
        ("no alg", forged(&json!({"typ": "JWT"}), &good(), SECRET), "missing field"),
        ("no signature", good_one.rsplit_once('.').unwrap().0.to_owned() + ".", "InvalidSignature"),
        ("another secret", forged(&own, &good(), b"another secret, as long as that is"), "InvalidSignature"),
        ("another algorithm of the family", forged(&json!({"alg": "HS512"}), &good(), SECRET), "InvalidAlgorithm"),
        ("another family", forged(&json!({"alg": "RS256"}), &good(), SECRET), "InvalidAlgorithm"),
        (
            "a key of its own",
            forged(&json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "eHg"}}), &good(), b"xx"),
            "InvalidSignature",
        ),
        ("crit", forged(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}), &good(), SECRET), "`crit`"),
        (
            "claims that were changed",
            {
                let mut parts: Vec<&str> = good_one.split('.').collect();
                let changed = part(&with("sub", json!("eve")));
                parts[1] = &changed;
                parts.join(".")
            },
            "InvalidSignature",
        ),
        // Times.
        ("expired", signed(&with("exp", json!(NOW - 1))), "counted until"),
        ("expires now", signed(&with("exp", json!(NOW))), "counted until"),
        ("exp as text", signed(&with("exp", json!((NOW + 60).to_string()))), "invalid type"),
        ("exp null", signed(&with("exp", Value::Null)), "invalid type"),
        ("exp beyond all times", signed(&with("exp", json!(1e300))), "exp"),
        ("exp in milliseconds", signed(&with("exp", json!(NOW * 1_000_000))), "`exp` is no time"),
        ("exp negative", signed(&with("exp", json!(-1))), "exp"),
        (
            "exp twice",
            {
                let twice = good().to_string().replacen('{', &format!("{{\"exp\":{},", NOW + 9_999), 1);
                let message = format!("{}.{}", part(&own), base64(twice.as_bytes()));
                let signature = sign(message.as_bytes(), &EncodingKey::from_secret(SECRET), Algorithm::HS256).unwrap();
                format!("{message}.{signature}")
            },
            "duplicate field",
        ),
        ("nbf to come", signed(&with("nbf", json!(NOW + 1))), "counts from"),
        ("nbf as text", signed(&with("nbf", json!("0"))), "invalid type"),
        // Claims.
        ("no exp", signed(&without("exp")), "missing field"),
        ("no aud", signed(&without("aud")), "aud"),
        ("no iss", signed(&without("iss")), "missing field"),
        ("no sub", signed(&without("sub")), "missing field"),
        ("no scope", signed(&without("scope")), "`scope`: a token without a scope"),
        ("another audience", signed(&with("aud", json!("elsewhere"))), "InvalidAudience"),
        ("other audiences", signed(&with("aud", json!(["a", "b"]))), "InvalidAudience"),
        ("no audience", signed(&with("aud", json!([]))), "InvalidAudience"),
        ("an audience that is none", signed(&with("aud", json!({"a": 1}))), "aud"),
        ("another issuer", signed(&with("iss", json!("https://id.example.org.evil"))), "InvalidIssuer"),
        ("a list of issuers", signed(&with("iss", json!([ISSUER]))), "invalid type"),
        ("an empty name", signed(&with("sub", json!(""))), "`sub`"),
        ("a name with a line end", signed(&with("sub", json!("ada\nbob"))), "`sub`"),
        ("a long name", signed(&with("sub", json!("a".repeat(MAX_USER_BYTES + 1)))), "`sub`"),
        ("a scope that is none", signed(&with("scope", json!("read root"))), "`root` is no scope"),
        ("scopes as a list", signed(&with("scope", json!(["read"]))), "invalid type"),
        ("rooms as a text", signed(&with("rooms", json!("*"))), "invalid type"),
        ("sessions of numbers", signed(&with("sessions", json!([1]))), "invalid type"),
        ("too many sessions", signed(&with("sessions", json!(names))), "at most 256"),
        ("too many rooms", signed(&with("rooms", json!(names))), "at most 256"),
        ("claims that are no object", signed(&json!([1])), "invalid"),
        // No tokens.
        ("too long", signed(&with("more", json!("x".repeat(MAX_TOKEN_BYTES)))), "at most 16384"),
        ("nothing", String::new(), "InvalidToken"),
        ("dots", "..".to_owned(), "EOF"),
        ("five parts", "a.b.c.d.e".to_owned(), ""),
        ("no base64", "!!.!!.!!".to_owned(), "Base64"),
        ("no JSON", format!("{0}.{0}.{0}", base64(b"no json")), "expected"),
        ("deep", format!("{}.{}.x", base64("[".repeat(9_000).as_bytes()), part(&good())), ""),
        ("no UTF-8", format!("{}.{}.x", part(&own), base64(b"\xff\xfe")), ""),
    ];
    let mut wrong = Vec::new();
    for (what, token, says) in corpus {
        let Err(said) = read(&shared(), &token) else {
            wrong.push(format!("{what}: counts"));
            continue;
        };
        if !said.to_lowercase().contains(&says.to_lowercase()) {
            wrong.push(format!("{what}: said {said}, not {says}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(read(&shared(), &good_one).is_ok());
}

#[test]
fn a_public_key_is_no_secret() {
    // Whoever takes the algorithm from the token takes the public key, which anyone knows, for a secret.
    for (algorithm, public) in [(JwtAlgorithm::Rs256, &RSA.public), (JwtAlgorithm::EdDsa, &ED.public)] {
        for key in [&**public, public.trim_ascii_end()] {
            let token = forged(&json!({"alg": "HS256", "typ": "JWT"}), &good(), key);
            assert_eq!(read(&host(algorithm), &token).unwrap_err(), "InvalidAlgorithm");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_with_what_mends_it() {
    let check = |algorithm, key: &[u8], says: &str| {
        let said = Jwt::new(algorithm, key, AUDIENCE, ISSUER).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    };
    check(JwtAlgorithm::Hs256, &SECRET[..MIN_SECRET_BYTES - 1], "the secret has 31 bytes");
    check(JwtAlgorithm::Rs256, SECRET, "no public key for RS256 in PEM");
    check(JwtAlgorithm::Rs256, &ED.public, "no public key for RS256 in PEM");
    check(JwtAlgorithm::EdDsa, &RSA.public, "no public key for EdDSA in PEM");
    check(JwtAlgorithm::EdDsa, b"", "no public key for EdDSA in PEM");
    assert!(!format!("{:?}", shared()).contains("secret"), "a key is never shown");
}

proptest! {
    #[test]
    fn no_text_is_more_than_refused(text in "\\PC{0,200}", a in "[A-Za-z0-9_-]{0,64}", b in "[A-Za-z0-9_-]{0,64}", at in 0_usize..400, byte: u8) {
        for jwt in [host(JwtAlgorithm::Hs256), host(JwtAlgorithm::Rs256), host(JwtAlgorithm::EdDsa)] {
            prop_assert!(read(&jwt, &text).is_err());
            let made = [a.as_str(), &b, &a].join(".");
            prop_assert!(read(&jwt, &made).is_err());
        }
        // A good one with one character changed is the same one, or none.
        let mut bytes = signed(&good()).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte % 0x5f + 0x20;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(read(&shared(), &changed).map_or(true, |claims| &*claims.user == "ada"));
    }

    #[test]
    fn no_claims_are_more_than_refused(exp: f64, nbf in proptest::option::of(any::<f64>()), sub in "\\PC{0,300}", scope in "\\PC{0,60}", names in proptest::collection::vec("\\PC{0,20}", 0..4)) {
        let token = signed(&json!({"sub": sub, "aud": AUDIENCE, "iss": ISSUER, "exp": exp, "nbf": nbf, "scope": scope,
            "rooms": names, "sessions": names}));
        if let Ok(claims) = read(&shared(), &token) {
            prop_assert!(claims.until > Timestamp(NOW * 1_000) && claims.user.len() <= MAX_USER_BYTES);
        }
    }
}
