//! The contract between a node and the centre: ids, quantities and units, readings, quality,
//! batches, acknowledgements, births, and the topics they travel on.
//!
//! Everything here is data and its encoding. There is no clock, socket, file or randomness, and
//! nothing is said about *when* a message is sent: that is the business of `tram-spool` and
//! `tram-edge` on the node and of `tram-pipeline` in the centre. The byte layouts are written
//! down in `docs/wire.md` (CDDL, RFC 8610) and pinned by `tests/golden/`.
//!
//! Decoders never panic, never recurse and never allocate more than their input justifies: each
//! `MAX_…` constant beside a type is checked before anything is allocated for it.
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ack;
mod alarm;
mod answer;
mod batch;
mod batch_id;
mod birth;
mod cbor;
mod channel;
mod command;
mod enrol;
mod enrol_code;
mod episode;
mod health;
mod loss;
mod node_id;
mod order;
mod quality;
mod quantity;
mod replica_id;
mod spool_id;
mod status;
mod summary;
mod text;
mod time;
mod topic;

pub use ack::{Ack, MAX_ACK_RANGES};
pub use alarm::{Alarm, AlarmKind, NO_RULE, RuleId};
pub use answer::{Actor, Answer, Verdict};
pub use batch::{
    Batch, BatchHeader, Column, MAX_BATCH_BYTES, MAX_BATCH_COLUMNS, MAX_BATCH_READINGS, Point,
    QualityRun, points,
};
pub use batch_id::BatchId;
pub use birth::{Birth, ChannelInfo, MAX_CHANNELS, MAX_EARLIER_BOOTS};
pub use cbor::{DecodeError, EncodeError};
pub use channel::{ChannelName, ChannelNumber};
pub use command::{Command, MAX_ORDER_BYTES, SIGNATURE_BYTES, Signed};
pub use enrol::{
    ENROL_PROTOCOL, EnrolAnswer, EnrolRefusal, EnrolRequest, Enrolment, MAX_BROKER_URL_BYTES,
    MAX_CERTIFICATE_BYTES, MAX_ENROL_BYTES, MAX_ENROL_REQUEST_BYTES,
};
pub use enrol_code::{
    ENROL_PIN_BYTES, ENROL_SECRET_BYTES, EnrolCode, InvalidEnrolCode, MAX_ENROL_CODE_CHARS,
};
pub use episode::{EpisodeId, InvalidEpisodeId};
pub use health::{Health, MAX_HEALTH_ENTRIES, SensorErrorKind, SensorErrors, Storing};
pub use loss::{Loss, LossCause, MAX_BATCH_LOSSES};
pub use node_id::{InvalidNodeId, NodeId};
pub use order::{Act, CHALLENGE_LIVES_S, Challenge, MAX_SILENCE_S, Order};
pub use quality::{Flag, Quality, Tests};
pub use quantity::{
    CentiMillimetre, CentiMillimetrePerHour, DeciKilometrePerHour, DeciMicrogramPerCubicMetre,
    DeciPercent, Fixed, Microradian, MilliCelsius, MilliPercentRh, MilliVolt, Millimetre, Pascal,
    Quantity, VehicleCount,
};
pub use replica_id::ReplicaId;
pub use spool_id::{Seq, SpoolId};
pub use status::{Status, StatusState};
pub use summary::Summary;
pub use text::{InvalidText, Text};
pub use time::{ClockState, UnixMicros, UptimeMicros};
pub use topic::{Kind, MAX_TOPIC_BYTES, Topic, TopicError};

/// The version every message of this crate starts with. A decoder refuses any other.
pub const WIRE_VERSION: u8 = 1;
