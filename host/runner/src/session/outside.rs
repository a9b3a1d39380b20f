//! A session that runs elsewhere: its events are judged as they come, and it is ended where it says nothing more.

use super::{Ending, Request, Session, answer};
use crate::error::RunnerError;
use crate::limits::{OUTSIDE_IDLE, OUTSIDE_STOP, sleep_until_due};
use crate::state::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tollgate_core::time::Timestamp;

/// What the host says of itself when it stops.
pub(super) const HOST_STOPPED: &str = "the host was stopped";

enum Happened {
    Request(Option<Request>),
    Settled(Arc<str>, Box<tollgate_core::interactions::Interaction>),
    Clock,
}

/// Runs the session until it has ended, or the runner is gone.
pub(crate) async fn run(mut session: Session, mut mailbox: mpsc::Receiver<Request>) {
    let mut due = session.now().after(OUTSIDE_IDLE);
    loop {
        let left = sleep_until_due(session.now(), Some(due));
        match next(&mut session, &mut mailbox, left).await {
            Happened::Request(None) => return,
            Happened::Request(Some(Request::Close)) => return close(session).await,
            Happened::Request(Some(request)) => {
                let was = session.state();
                if session.handle(request).await {
                    due = after(&session, was, due);
                }
            }
            Happened::Settled(id, how) => {
                let was = session.state();
                match session.settled(&id, &how).await {
                    Ok(()) => due = after(&session, was, due),
                    Err(error) => {
                        tracing::error!(session = %session.who().id, %error, "runner.settled: an answer is not recorded");
                        return session.finish(Ending::failed("an answer could not be recorded")).await;
                    }
                }
            }
            Happened::Clock if session.now() >= due => return late(session).await,
            Happened::Clock => {}
        }
        if session.has_ended() {
            return;
        }
    }
}

async fn next(session: &mut Session, mailbox: &mut mpsc::Receiver<Request>, left: Duration) -> Happened {
    let clock = session.context.bus.clock().clone();
    tokio::select! {
        request = mailbox.recv() => Happened::Request(request),
        (id, how) = session.next_settled() => Happened::Settled(id, Box::new(how)),
        () = clock.sleep(left) => Happened::Clock,
    }
}

/// Until when something must be heard of it: what must end has less time, counted once.
fn after(session: &Session, was: State, due: Timestamp) -> Timestamp {
    let ends = |state: State| state == State::Stopping || state.is_final();
    match (ends(was), ends(session.state())) {
        (true, _) => due,
        (false, true) => session.now().after(OUTSIDE_STOP),
        (false, false) => session.now().after(OUTSIDE_IDLE),
    }
}

async fn close(mut session: Session) {
    session.finish_as_it_is(HOST_STOPPED).await;
}

async fn late(mut session: Session) {
    let why = match session.state() {
        State::Stopping => format!("it did not say within {} s that it has ended", OUTSIDE_STOP.as_secs()),
        _ => format!("nothing was heard of it for {} h", OUTSIDE_IDLE.as_secs() / 3_600),
    };
    session.finish_as_it_is(&why).await;
}

impl Session {
    /// Ends one that does not end by itself.
    async fn finish_as_it_is(&mut self, why: &str) {
        if self.machine.is_started() {
            self.finish(Ending::failed(why)).await;
        } else {
            // Nothing was told of it, so nothing has to be ended.
            self.publish(Some(why), None, true);
        }
    }

    /// Does what is asked; true where it was done.
    async fn handle(&mut self, request: Request) -> bool {
        let mut done = false;
        match request {
            Request::Take { drafts, may_approve, reply } => {
                let taken = self.take(drafts, may_approve, false).await;
                done = taken.is_ok();
                answer(reply, taken);
            }
            Request::Ask { what, reply } => {
                let asked = self.ask(what).await;
                done = asked.is_ok();
                answer(reply, asked);
            }
            Request::Stop { by, reply } if !self.machine.is_started() => {
                self.finish_as_it_is(&format!("stopped by {by}")).await;
                answer(reply, Ok(()));
            }
            Request::Stop { by, reply } => {
                let stopped = self.go(State::Stopping, Some(&format!("stopped by {by}"))).await;
                done = stopped.is_ok();
                answer(reply, stopped);
            }
            Request::Pause { by, reply } => {
                let paused = self.go(State::PausedByHuman, Some(&format!("paused by {by}"))).await;
                done = paused.is_ok();
                answer(reply, paused);
            }
            Request::Resume { by, reply } => {
                let resumed = self.resume(&format!("resumed by {by}")).await;
                done = resumed.is_ok();
                answer(reply, resumed);
            }
            Request::Input { reply, .. } | Request::Resize { reply, .. } => answer(reply, Err(RunnerError::NoTerminal)),
            Request::Close => {}
        }
        done
    }
}
