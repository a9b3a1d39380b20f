//! A person who signs plugins, as minisign does it; the guests are built anew, so their signatures are too.

use ed25519_compact::{KeyPair, Seed};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A key pair with its number.
pub(crate) struct Signer {
    id: [u8; 8],
    pair: KeyPair,
}

impl Signer {
    /// The same for the same `number`.
    pub(crate) fn new(number: u8) -> Self {
        Self { id: [number; 8], pair: KeyPair::from_seed(Seed::new([number; 32])) }
    }

    /// The public key, as a configuration has it.
    pub(crate) fn key(&self) -> String {
        base64(&[b"Ed", self.id.as_slice(), self.pair.pk.as_ref()].concat())
    }

    /// The signature file of `bytes`.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        self.sign_as(self.id, bytes)
    }

    /// The same, with the number of another `key`.
    pub(crate) fn posing_as(&self, key: &str, bytes: &[u8]) -> String {
        self.sign_as(unbase64(key)[2..10].try_into().unwrap(), bytes)
    }

    fn sign_as(&self, id: [u8; 8], bytes: &[u8]) -> String {
        let comment = "signed for a test";
        let hash = blake2b_simd::blake2b(bytes);
        let signature = self.pair.sk.sign(hash.as_bytes(), None);
        let whole = self.pair.sk.sign([signature.as_ref(), comment.as_bytes()].concat(), None);
        let line = base64(&[b"ED", id.as_slice(), signature.as_ref()].concat());
        format!("untrusted comment: none\n{line}\ntrusted comment: {comment}\n{}\n", base64(whole.as_ref()))
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
