//! What is played with an agent, and what has to hold: first without Tollgate, then behind it, then without its
//! daemon.

use super::report::Row;
use super::stage::{ALLOWED, ASKED, DENIED, STASHED, Stage, UNHEARD};
use super::{home, journal};
use crate::agents::{Agent, Gap};
use crate::model::{Call, Heard, Model, SUBAGENT};
use crate::process::{Running, wait_for};
use crate::tollgate::Tollgate;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a turn may take: some seconds, and what a loaded machine needs.
const TURN: Duration = Duration::from_secs(120);
/// How long a hook waits for a person who does not come.
const NOBODY: Duration = Duration::from_secs(4);
/// How long it waits for one who does; less than [`TURN`].
const SOMEBODY: Duration = Duration::from_secs(60);
/// How long the events of a turn that is over may take into the journal.
const SETTLED: Duration = Duration::from_secs(10);

/// What `guardrails` say of [`DENIED`].
const WHY_DENIED: &str = "deleting a repository's history is not allowed";

/// Plays all of it; `rows` get what was found, also where it cannot be played to the end.
///
/// # Errors
/// When something fails that is not looked at: the agent does not end, a file cannot be written.
pub fn play(agent: &Agent, program: &Path, binary: &Path, keep: bool, rows: &mut Vec<Row>) -> Result<()> {
    let stage = Stage::new(keep)?;
    if keep {
        let _ = writeln!(std::io::stderr(), "its folders stay in {}", stage.folders().root.display());
    }
    let model = Model::start()?;
    (agent.settle)(stage.folders(), model.address())?;
    let player = Player { agent, program, stage: &stage, model: &model };
    let folders = stage.folders();
    let tollgate = Tollgate::new(binary, &folders.root, &folders.home, &folders.project)?;
    without_hooks(&player, rows)?;
    home::configure(&tollgate, stage.folders(), agent, NOBODY)?;
    let daemon = tollgate.start()?;
    tollgate.run(&["hooks", "install", agent.name, "--project"])?;
    (agent.trust)(stage.folders(), &|| player.command())?;
    behind_the_gate(&player, &tollgate, rows)?;
    if !agent.asks_its_user {
        with_a_person(&player, &tollgate, rows)?;
    }
    unasked(&player, &tollgate, rows)?;
    by_a_subagent(&player, rows)?;
    if let Some(calls) = agent.other_shell {
        other_shell(&player, calls(DENIED), rows)?;
    }
    taken_away(&player, &tollgate, rows)?;
    for gap in agent.gaps {
        past_the_gate(&player, gap, rows)?;
    }
    drop(daemon);
    without_the_daemon(&player, rows)
}

/// An agent with its model, in its folders.
struct Player<'a> {
    agent: &'a Agent,
    program: &'a Path,
    stage: &'a Stage,
    model: &'a Model,
}

impl Player<'_> {
    fn command(&self) -> Command {
        self.agent.command(self.program, self.stage.folders(), self.model.address())
    }

    /// Begins a turn in which the model asks for these calls, one after another.
    fn begin(&self, name: &str, calls: Vec<Call>, more: &[&str]) -> Result<Turn<'_>> {
        let number = calls.len();
        self.model.play(calls);
        self.start(name, number, more)
    }

    /// Begins a turn that the model plays already, of that many calls.
    fn start(&self, name: &str, calls: usize, more: &[&str]) -> Result<Turn<'_>> {
        let mut command = self.command();
        command.args(self.agent.arguments).args(more);
        let running = Running::start(self.agent.name, &mut command, &self.stage.log(name))?;
        Ok(Turn { running, calls, model: self.model })
    }

    fn lines(&self, lines: &[&str]) -> Vec<Call> {
        lines.iter().map(|line| self.agent.shell(line)).collect()
    }

    /// A whole turn in which the model asks its shell for these lines.
    fn turn(&self, name: &str, lines: &[&str]) -> Result<Heard> {
        self.begin(name, self.lines(lines), &[])?.end()
    }
}

/// A turn that has begun.
struct Turn<'a> {
    running: Running,
    calls: usize,
    model: &'a Model,
}

impl Turn<'_> {
    /// Waits for its end: what the model was told of each call.
    fn end(mut self) -> Result<Heard> {
        let status = self.running.wait(TURN)?;
        let heard = self.model.heard();
        if heard.results.len() != self.calls {
            let (told, asked, words) = (heard.results.len(), self.calls, self.running.last_words());
            bail!("{status}; the model was told of {told} calls of {asked}; {:?}; it said: {words}", heard.strange);
        }
        Ok(heard)
    }
}

/// What was said of the call at `at`.
fn told(heard: &Heard, at: usize) -> &str {
    heard.results.get(&at).map_or("", String::as_str)
}

/// A check that certain words reached the model.
fn says(check: &'static str, told: &str, words: &[&str]) -> Row {
    Row::new(check, words.iter().all(|words| told.contains(words)), told)
}

/// Without hooks both lines run: where they do not later, it is the gate that stopped them.
fn without_hooks(player: &Player<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let heard = player.turn("without-hooks", &[DENIED, ASKED]).context("without hooks")?;
    let ran = player.stage.denied_ran() && player.stage.asked_ran()?;
    rows.push(Row::new("without hooks, what is denied below runs", ran, format!("{:?}", heard.results)));
    player.stage.reset()
}

fn behind_the_gate(player: &Player<'_>, tollgate: &Tollgate<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let (agent, stage) = (player.agent, player.stage);
    let heard = player.turn("behind-the-gate", &[DENIED, ASKED, ALLOWED]).context("behind the gate")?;
    let detail = || format!("{:?}", heard.results);
    rows.push(Row::new("a call that is denied does not run", !stage.denied_ran(), detail()));
    rows.push(says("why reaches the model", told(&heard, 0), &[WHY_DENIED]));
    rows.push(Row::new("a call that a person has to allow does not run", !stage.asked_ran()?, detail()));
    let why = "this discards changes that are in no commit";
    if agent.asks_its_user {
        rows.push(says("why reaches the model there too", told(&heard, 1), &[why]));
    } else {
        let words = [why, "a person is asked", "try the same call again"];
        rows.push(says("why reaches the model there too, and what to do", told(&heard, 1), &words));
    }
    rows.push(Row::new("a call that nobody objects to runs", stage.allowed_ran(), detail()));
    let mut missing = Vec::new();
    let settled = wait_for("the journal", SETTLED, || {
        missing = journal::missing(agent, &home::events(tollgate)?);
        Ok(missing.is_empty().then_some(()))
    });
    let detail = if missing.is_empty() { String::new() } else { format!("missing: {}", missing.join(", ")) };
    let settled = settled.is_ok();
    rows.push(Row::new("the journal has each call, its verdict and its end", settled, detail));
    let alerts = journal::alerts(&home::events(tollgate)?);
    let quiet = settled && alerts.is_empty();
    rows.push(Row::new("and no alert, since the gate was asked about each", quiet, alerts.join("\n")));
    Ok(())
}

/// A person answers while the agent waits.
fn with_a_person(player: &Player<'_>, tollgate: &Tollgate<'_>, rows: &mut Vec<Row>) -> Result<()> {
    home::configure(tollgate, player.stage.folders(), player.agent, SOMEBODY)?;
    let before = home::approvals(tollgate)?;
    let mut turn = player.begin("with-a-person", player.lines(&[ASKED]), &[])?;
    let question = wait_for("a question to a person", SOMEBODY, || {
        let question = home::approvals(tollgate)?.into_iter().find(|question| !before.contains(question));
        // One that has ended asks no more.
        Ok(if turn.running.ended()?.is_some() { Some(None) } else { question.map(Some) })
    })?;
    let waits = question.is_some() && !player.stage.asked_ran()?;
    if let Some(question) = question {
        tollgate.run(&["approvals", "approve", &question])?;
    }
    let heard = turn.end().context("with a person")?;
    let ran = waits && player.stage.asked_ran()?;
    rows.push(Row::new("it waits for a person, and runs once one has said yes", ran, told(&heard, 0)));
    player.stage.reset()
}

/// What it starts asks as it does itself.
fn by_a_subagent(player: &Player<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let calls = (player.agent.subagent)(&format!("do what the test says, {SUBAGENT}"));
    let own = calls.len();
    player.model.play_with(calls, player.lines(&[DENIED]));
    let heard = player.start("by-a-subagent", own + 1, &[])?.end().context("by a subagent")?;
    let held = !player.stage.denied_ran() && told(&heard, own).contains(WHY_DENIED);
    rows.push(Row::new("a call of a subagent is denied the same", held, format!("{:?}", heard.results)));
    player.stage.reset()
}

/// The line is the same, whatever the tool that runs it is called. It need not have run yet when the turn is over, so
/// what counts is what the model was told.
fn other_shell(player: &Player<'_>, calls: Vec<Call>, rows: &mut Vec<Row>) -> Result<()> {
    let last = calls.len().saturating_sub(1);
    let heard = player.begin("other-shell", calls, &[])?.end().context("another shell")?;
    rows.push(says("another tool that runs lines is denied the same", told(&heard, last), &[WHY_DENIED]));
    player.stage.reset()
}

/// With the hook before tools taken out, and no other, its daemon sees that a tool ran unasked.
fn unasked(player: &Player<'_>, tollgate: &Tollgate<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let (file, event) = player.agent.gate;
    let path = player.stage.folders().project.join(file);
    let installed = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut settings: Value = serde_json::from_str(&installed)?;
    let hooks = settings.get_mut("hooks").and_then(Value::as_object_mut).context("settings without hooks")?;
    hooks.shift_remove(event).with_context(|| format!("no {event} in {}", path.display()))?;
    fs::write(&path, settings.to_string())?;
    player.turn("unasked", &[ALLOWED]).context("unasked")?;
    let alerted = wait_for("an alert", SETTLED, || Ok((journal::unasked(&home::events(tollgate)?) > 0).then_some(())));
    let detail = alerted.as_ref().map_or_else(ToString::to_string, |()| String::new());
    rows.push(Row::new("without the hook before tools, one that ran raises an alert", alerted.is_ok(), detail));
    Ok(fs::write(&path, installed)?)
}

/// A project's hooks are files of its tree, and what changes the tree may take them away in the middle of a session.
fn taken_away(player: &Player<'_>, tollgate: &Tollgate<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let (agent, stage) = (player.agent, player.stage);
    let play = |name| -> Result<(bool, String)> {
        let heard = player.turn(name, &[STASHED, DENIED]).context(name)?;
        let ran = stage.denied_ran();
        stage.unstash()?;
        stage.reset()?;
        Ok((ran, format!("{:?}", heard.results)))
    };
    let (ran, detail) = play("taken-away")?;
    if !agent.reads_again {
        rows.push(Row::new("a session keeps its hooks when git takes the project's away", !ran, detail));
        return Ok(());
    }
    rows.push(Row::limit("git stash takes the project's hooks away, and what follows runs unasked", ran, detail));
    let hooks = |done, scope| tollgate.run(&["hooks", done, agent.name, scope]);
    hooks("uninstall", "--project")?;
    hooks("install", "--user")?;
    // Something for git to take.
    fs::write(stage.folders().project.join("untracked.txt"), "")?;
    let (ran, detail) = play("not-taken-away")?;
    rows.push(Row::new("with hooks of the user it takes none", !ran, detail));
    hooks("uninstall", "--user")?;
    hooks("install", "--project").map(drop)
}

/// What is known to get past, and what its user can do about it.
fn past_the_gate(player: &Player<'_>, gap: &Gap, rows: &mut Vec<Row>) -> Result<()> {
    let calls = (gap.calls)(player.stage.folders(), DENIED)?;
    let heard = player.begin("past-the-gate", calls.clone(), &[])?.end().context("past the gate")?;
    rows.push(Row::limit(gap.what, player.stage.denied_ran(), format!("{:?}", heard.results)));
    player.stage.reset()?;
    let turn = player.begin("not-past-the-gate", calls, gap.closed_by)?;
    let heard = turn.end().context("not past the gate")?;
    rows.push(Row::new(gap.closed, !player.stage.denied_ran(), format!("{:?}", heard.results)));
    player.stage.reset()
}

fn without_the_daemon(player: &Player<'_>, rows: &mut Vec<Row>) -> Result<()> {
    let heard = player.turn("without-the-daemon", &[UNHEARD]).context("without the daemon")?;
    let ran = player.stage.unheard_ran();
    rows.push(Row::new("without the daemon, no call runs", !ran, told(&heard, 0)));
    rows.push(says("that reaches the model too", told(&heard, 0), &["tollgate: unavailable"]));
    Ok(())
}
