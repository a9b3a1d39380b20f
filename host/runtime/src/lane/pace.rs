//! How fast a lane may go: the fuel of a minute, the events of a second, and waiting while commands are heard.

use super::{Flow, Lane};
use crate::logs::LogLevel;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

impl Lane {
    /// Waits until the plugin may be given one more event (`[delivery] max_per_second`).
    pub(super) async fn paced(&mut self, now: &mut Instant) -> Flow {
        let Some(rate) = self.version.grant.delivery.max_per_second else { return Flow::Next };
        let turn = *now + self.plugin.usage.take_turn(rate, *now);
        while *now < turn {
            match self.pause(turn.duration_since(*now), now).await {
                Flow::Next => {}
                other => return other,
            }
        }
        Flow::Next
    }

    /// Takes `fuel` from the minute's budget; says how long to wait for the next one, where there is none left.
    pub(super) fn spend(&mut self, fuel: u64, now: Instant) -> Duration {
        let (budget, minute) = (self.version.limits.fuel_per_minute, self.context.ledger.tempo().fuel_minute);
        let wait = self.plugin.usage.spend_fuel(fuel, budget, minute, now);
        if !wait.is_zero() {
            self.plugin.counters.throttles.fetch_add(1, Relaxed);
            self.plugin.ring.push(LogLevel::Warn, "over its fuel of this minute: the next call waits");
        }
        wait
    }

    /// How long [`Lane::spend`] would have the next call wait.
    pub(super) fn fuel_wait(&self, now: Instant) -> Duration {
        let (budget, minute) = (self.version.limits.fuel_per_minute, self.context.ledger.tempo().fuel_minute);
        self.plugin.usage.spend_fuel(0, budget, minute, now)
    }

    /// Waits for what [`Lane::spend`] said, for all to see.
    pub(super) async fn rest(&mut self, how_long: Duration, now: &mut Instant) -> Flow {
        if how_long.is_zero() {
            return Flow::Next;
        }
        self.plugin.throttled.fetch_add(1, Relaxed);
        let flow = self.pause(how_long, now).await;
        self.plugin.throttled.fetch_sub(1, Relaxed);
        flow
    }

    /// Waits, but not for commands; `now` is now afterwards.
    pub(super) async fn pause(&mut self, how_long: Duration, now: &mut Instant) -> Flow {
        if let Err(flow) = self.flush(now).await {
            return flow;
        }
        self.running = None;
        self.show_progress();
        let flow = tokio::select! {
            biased;
            command = self.commands.recv() => self.command(command).await,
            () = tokio::time::sleep(how_long) => Flow::Next,
        };
        *now = Instant::now();
        flow
    }
}
