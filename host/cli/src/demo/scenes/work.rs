//! Work that a chat asks of plugins: tests of a cargo workspace, a merge in a git repository. Both by the machine's
//! own programs; a scene whose program is missing is skipped and says so.

use super::text;
use crate::demo::ground::{self, FAILING_TEST, PASSING_TESTS, SITE_MERGED};
use crate::demo::stage::Stage;
use serde_json::Value;
use std::fs;

/// `/test` in a workspace with a bug: the test-runner has cargo run the tests, and a person reads which one fails.
pub(super) async fn tested(stage: &mut Stage) -> anyhow::Result<()> {
    // Cargo has the system's compiler link, by this name unless told otherwise.
    if let Some(why) = apart(|| ["cargo", "cc"].into_iter().find_map(ground::missing)).await? {
        stage.checklist.skip(&why);
        return Ok(());
    }
    ground::make_shop(&stage.shop())?;
    let shop = stage.shop().display().to_string();
    let said = stage.tollgate(&["message", "/test", "--chat", "shop", "--cwd", &shop], "").await?;
    stage.checklist.expect("`tollgate message /test` asks the test-runner", said.exit == Some(0));
    let completed = stage.wait_in_chat("test.completed", "shop").await?;
    let answer = stage.wait_in_chat("message.out", "shop").await?;
    stage.checklist.tell(text(&answer, "text"));
    let count = |key: &str| completed.get(key).and_then(Value::as_u64);
    stage.checklist.expect(
        format!("cargo ran them: {PASSING_TESTS} pass, and one finds the bug"),
        text(&completed, "status") == "failed"
            && count("passed") == Some(PASSING_TESTS)
            && count("failed") == Some(1)
            && text(&answer, "text").contains(FAILING_TEST),
    );
    Ok(())
}

/// `/git merge feature` where every file conflicts: what can be proved safe is resolved and staged, the rest is left
/// to a person, with markers.
pub(super) async fn merged(stage: &mut Stage) -> anyhow::Result<()> {
    if let Some(why) = apart(|| ground::missing("git")).await? {
        stage.checklist.skip(&why);
        return Ok(());
    }
    let site = stage.site();
    let made = site.clone();
    apart(move || ground::make_site(&made)).await??;
    let cwd = site.display().to_string();
    let said = stage.tollgate(&["message", "/git merge feature", "--chat", "site", "--cwd", &cwd], "").await?;
    stage.checklist.expect("`tollgate message '/git merge feature'` asks the merge-resolver", said.exit == Some(0));
    let completed = stage.wait_in_chat("merge.completed", "site").await?;
    let answer = stage.wait_in_chat("message.out", "site").await?;
    stage.checklist.tell(text(&answer, "text"));
    let count = |key: &str| completed.get(key).and_then(Value::as_u64);
    stage.checklist.expect("two conflicts are resolved, one is left", {
        text(&completed, "status") == "conflicts" && count("resolved") == Some(2) && count("remaining") == Some(1)
    });
    let asked = site.clone();
    let status = apart(move || ground::site_status(&asked)).await??;
    stage.checklist.expect("`git status` agrees: two files staged, one unmerged", status == SITE_MERGED);
    for line in &status {
        stage.checklist.tell(line);
    }
    let settings = fs::read_to_string(site.join("settings.json"))?;
    let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
    let greeting = fs::read_to_string(site.join("greeting.py"))?;
    stage.checklist.expect("the resolved file says what both sides say, the other one has markers", {
        text(&settings, "theme") == "dark"
            && text(&settings, "language") == "de"
            && ["<<<<<<<", "Good evening", "=======", "Guten Tag", ">>>>>>>"].iter().all(|mark| greeting.contains(mark))
    });
    Ok(())
}

/// Runs what waits for programs on a thread that may wait.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
