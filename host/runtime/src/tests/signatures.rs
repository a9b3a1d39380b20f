//! Who may have written what runs: signatures that are missing, wrong, late, changed, by somebody else.

use super::signing::Signer;
use super::{EMITS, World, fields};
use crate::{MAX_SIGNATURE_BYTES, PluginState, SignatureKey, SignatureRules};
use serde_json::json;
use tollgate_bundled::{PLUGINS, guests};

/// Rules that trust these signers.
fn trusting(signers: &[&Signer], required: bool) -> SignatureRules {
    let keys = signers.iter().map(|signer| SignatureKey::parse(&signer.key()).unwrap()).collect();
    SignatureRules::new(keys, required).unwrap()
}

/// A world that asks for signatures by `signer`.
fn strict(signer: &Signer) -> World {
    let mut world = World::new();
    world.signatures = trusting(&[signer], true);
    world
}

impl World {
    /// Puts a signature beside a component, as an operator should: renamed into place.
    fn put_signature(&self, name: &str, signature: &str) {
        let aside = self.home.root().join("incoming.minisig");
        std::fs::write(&aside, signature).unwrap();
        std::fs::rename(aside, self.home.plugins().join(format!("{name}.wasm.minisig"))).unwrap();
    }

    fn remove_signature(&self, name: &str) {
        std::fs::remove_file(self.home.plugins().join(format!("{name}.wasm.minisig"))).unwrap();
    }

    /// Looks at the folder and says why the newest file of `name` is refused; empty where it is not.
    async fn verdict(&self, name: &str) -> String {
        self.runtime().rescan().await;
        self.status(name).rejected.map(|rejection| rejection.to_string()).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_a_signature_waits_for_one_that_holds() {
    let (ours, theirs) = (Signer::new(1), Signer::new(2));
    let mut world = strict(&ours);
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let refused = world.verdict("counter").await;
    assert!(refused.starts_with("refused at signature: counter.wasm has no signature"), "{refused}");
    assert_eq!(world.state("counter"), PluginState::Rejected);
    for (signature, part) in [
        (theirs.sign(guests::COUNTER), "does not name"),
        (theirs.posing_as(&ours.key(), guests::COUNTER), "not a signature of these bytes"),
        (ours.sign(guests::COUNTER_V2), "not a signature of these bytes"),
        ("nonsense".to_owned(), "is no minisign signature"),
        (" ".repeat(MAX_SIGNATURE_BYTES as usize + 1), "is over 16384 bytes"),
    ] {
        world.put_signature("counter", &signature);
        let refused = world.verdict("counter").await;
        assert!(refused.starts_with("refused at signature: ") && refused.contains(part), "{refused}");
    }
    assert!(fields(&world.events("plugin.rejected"), "stage").iter().all(|stage| stage == "signature"));
    assert!(world.events("plugin.loaded").is_empty(), "nothing unverified ran");
    world.put_signature("counter", &ours.sign(guests::COUNTER));
    assert_eq!(world.verdict("counter").await, "");
    assert_eq!(world.state("counter"), PluginState::Serving);
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_file_serves_once_its_own_signature_is_there() {
    let ours = Signer::new(1);
    let mut world = strict(&ours);
    world.watch = true;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.put_signature("counter", &ours.sign(guests::COUNTER));
    world.start().await;
    let digest = world.status("counter").digest;
    // Its signature is still the old one's.
    world.replace("counter", guests::COUNTER_V2);
    let rejected = world.wait_for("plugin.rejected", 1).await;
    assert_eq!(
        (fields(&rejected, "stage"), fields(&rejected, "serving")),
        (vec![json!("signature")], vec![json!(digest)])
    );
    assert_eq!((world.state("counter"), world.status("counter").version), (PluginState::Serving, "0.1.0".to_owned()));
    world.put_signature("counter", &ours.sign(guests::COUNTER_V2));
    world.wait_for("plugin.swapped", 1).await;
    assert_eq!((world.status("counter").version, world.status("counter").rejected), ("0.2.0".to_owned(), None));
    // The signature goes: what was verified serves on, and what is there is refused.
    world.remove_signature("counter");
    world.wait_for("plugin.rejected", 2).await;
    assert_eq!((world.state("counter"), world.status("counter").version), (PluginState::Serving, "0.2.0".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_is_verified_again_at_a_restart() {
    let (ours, theirs) = (Signer::new(1), Signer::new(2));
    let mut world = strict(&ours);
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.put_signature("counter", &ours.sign(guests::COUNTER));
    world.start().await;
    let digest = world.status("counter").digest;
    world.stop().await;
    world.replace("counter", b"broken");
    world.remove_signature("counter");
    world.start().await;
    assert_eq!((world.state("counter"), world.status("counter").digest), (PluginState::Serving, digest.clone()));
    assert_eq!(world.status("counter").rejected.unwrap().stage.as_str(), "signature");
    world.stop().await;
    // Keys that do not know it: a last good version that was good by another key is not.
    world.signatures = trusting(&[&theirs], true);
    world.start().await;
    assert_eq!(world.state("counter"), PluginState::Rejected);
    let logs = world.runtime().logs("counter", 10).unwrap();
    assert!(
        logs.iter().any(|line| line.text.contains("nor does its last good version serve: refused at signature")),
        "{logs:?}"
    );
    world.stop().await;
    // Back to the key that knows it; but somebody changed what was kept.
    world.signatures = trusting(&[&ours, &theirs], true);
    let kept = world.home.cache().join("last-good/counter.wasm");
    std::fs::write(&kept, guests::COUNTER_V2).unwrap();
    world.start().await;
    assert_eq!(world.state("counter"), PluginState::Rejected);
    world.stop().await;
    std::fs::write(&kept, guests::COUNTER).unwrap();
    world.start().await;
    assert_eq!((world.state("counter"), world.status("counter").digest), (PluginState::Serving, digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_unsigned_does_not_serve_once_signatures_are_asked_for() {
    let ours = Signer::new(1);
    let mut world = World::with("counter", guests::COUNTER, EMITS).await;
    world.stop().await;
    world.replace("counter", b"broken");
    world.signatures = trusting(&[&ours], true);
    world.start().await;
    assert_eq!(world.state("counter"), PluginState::Rejected);
    world.stop().await;
    world.signatures = trusting(&[&ours], false);
    world.start().await;
    assert_eq!(world.state("counter"), PluginState::Serving, "{}", world.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_own_plugins_need_no_signature_and_others_of_their_name_do() {
    let mut world = strict(&Signer::new(1));
    world.signatures = world.signatures.clone().trusting(PLUGINS.iter().map(|plugin| plugin.component));
    for plugin in PLUGINS {
        world.drop_in(plugin.name, plugin.component, plugin.grant);
    }
    world.start().await;
    let states: Vec<_> = world.runtime().list().iter().map(|status| status.state).collect();
    assert_eq!(states, [PluginState::Serving; 4], "{}", world.story());
    world.replace(PLUGINS[0].name, guests::COUNTER);
    let refused = world.verdict(PLUGINS[0].name).await;
    assert!(refused.contains("has no signature"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_none_is_asked_for_a_wrong_one_counts_all_the_same() {
    let (ours, theirs) = (Signer::new(1), Signer::new(2));
    let mut world = World::new();
    world.signatures = trusting(&[&ours], false);
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    assert_eq!(world.verdict("counter").await, "");
    world.put_signature("counter", &theirs.sign(guests::COUNTER));
    assert!(world.verdict("counter").await.contains("does not name"));
    assert_eq!(world.state("counter"), PluginState::Serving, "what serves is the same bytes, and was let pass");
    world.put_signature("counter", &ours.sign(guests::COUNTER));
    assert_eq!(world.verdict("counter").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nobody_looks_at_signatures() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    world.put_signature("counter", "nonsense");
    world.put_signature("nobody", "nonsense");
    assert_eq!(world.verdict("counter").await, "");
    assert_eq!((world.events("plugin.*").len(), world.runtime().list().len()), (1, 1), "{}", world.story());
}
