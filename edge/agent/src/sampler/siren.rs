//! What is done with the siren besides sounding alarms: people, its time, and what is told of it.

use tram_wire::{ChannelName, EpisodeId, NO_RULE, Text, Verdict};

use super::Sampler;
use crate::{
    clock::Moment,
    keeper::AlarmDraft,
    siren::{Done, MAX_WAITING_REQUESTS, Request, Wish},
};

impl Sampler {
    /// What people want of it, and what its time brings.
    pub(super) fn look_after_the_siren(&mut self, now: Moment) {
        let done = self.watch.look(now.uptime);
        self.tell(done, now);
        for _ in 0..MAX_WAITING_REQUESTS {
            let Ok(Request { wish, actor, by, reply }) = self.requests.try_recv() else { break };
            let verdict = match wish {
                Wish::Report => Verdict::Done,
                Wish::Act(act) => {
                    let (verdict, done) = self.watch.act(act, actor, by, now.uptime);
                    self.tell(done, now);
                    verdict
                }
            };
            reply(verdict, self.watch.report(now.uptime));
        }
    }

    /// What was done with the siren, for the centre.
    fn tell(&mut self, done: Vec<Done>, now: Moment) {
        for Done { kind, actor, alarm, channel, siren } in done {
            self.states_changed = true;
            let here = |name: &ChannelName| self.channels.iter().find(|c| c.name == *name);
            let Some(channel) = channel.as_ref().and_then(here).or(self.channels.first()) else {
                continue;
            };
            let no_rule = Text::new(NO_RULE).expect("it is short");
            let draft = AlarmDraft {
                clock: now.state,
                rule: alarm.map_or(no_rule, |a| a.rule),
                version: alarm.map_or(0, |a| a.version),
                episode: alarm.map_or(EpisodeId([0; 16]), |a| a.episode),
                kind,
                level: alarm.map_or(0, |a| a.level),
                channel: channel.number,
                at: now.micros(),
                value: actor as i64,
                siren,
            };
            self.handover.alarm(draft);
        }
    }
}
