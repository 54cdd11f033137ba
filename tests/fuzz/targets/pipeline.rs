//! Any message on any topic: the counters balance and nothing panics. The first byte chooses the
//! topic; this is also the fuzz target of both SenML decoders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_pipeline::{Incoming, Memory, Pipeline, Policy, ThirdParty};
use tram_wire::{NodeId, UnixMicros};

const TOPICS: [(&str, Option<&str>); 8] = [
    ("tram/v1/a/data", None),
    ("tram/v1/a/birth", None),
    ("tram/v1/a/alarm", None),
    ("tram/v1/a/status", None),
    ("senml/a", None),
    ("senml/a", Some("application/senml+cbor")),
    ("senml/b", Some("application/senml+json")),
    ("tram/v1/a/cmd", None),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else { return };
    let (topic, content_type) = TOPICS[usize::from(*choice) % TOPICS.len()];
    let policy = Policy {
        nodes: [NodeId::new("a").expect("a name")].into(),
        third_party: ThirdParty::Register,
        ..Policy::default()
    };
    let mut pipeline = Pipeline::new(policy, Memory::default());
    for _ in 0..2 {
        let message = Incoming { topic, content_type, payload, retained: false };
        let outcome = pipeline.receive(message, UnixMicros(1_725_886_800_000_000));
        assert!(pipeline.counters().balanced());
        if let Ok(record) = outcome.into_record() {
            pipeline.committed(&[record.receipt()]);
            assert!(pipeline.counters().balanced());
        }
    }
});
