//! What a node has lost is shown as a gap with its cause and with what is left of it.

use tram_wire::{
    Batch, BatchHeader, ChannelNumber, ClockState, Flag, Loss, LossCause, Quality, Seq, Summary,
    Tests,
};

use crate::harness::{Centre, Client, Station, now};

/// A batch that tells these losses and holds no reading.
fn notice(station: &Station, seq: u64, losses: Vec<Loss>) -> Vec<u8> {
    let header = BatchHeader { spool: station.spool, seq: Seq(seq), clock: ClockState::Ntp };
    Batch { header, columns: Vec::new(), losses }.encode().unwrap()
}

#[test]
fn a_loss_is_shown_once_with_its_cause_and_survives_a_crash() {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let start = now().plus(-7_200_000_000);
    let worst = Quality { flag: Flag::Suspect, tests: Tests::SPIKE };
    let summary = Summary { usable: 598, min: 80_000, max: 83_512, sum: 598 * 81_000, worst };
    let thinned = Loss {
        channel: Some(ChannelNumber(0)),
        from: start.0,
        to: start.plus(599_000_000).0,
        readings: 600,
        cause: LossCause::Thinned,
        summary: Some(summary),
    };
    let (cause, summary) = (LossCause::Corrupt, None);
    let (from, to) = (start.plus(3_600_000_000).0, start.plus(3_660_000_000).0);
    let rotten = Loss { channel: None, from, to, readings: 7, cause, summary };
    for seq in [0, 1, 0] {
        let losses = if seq == 0 { vec![thinned] } else { vec![rotten] };
        node.publish(&station.topic("data"), &notice(&station, seq, losses), None);
        assert!(node.ack().covers(Seq(seq)));
    }
    node.publish(&station.topic("data"), &station.batch(2, &[(now(), 80_001)]), None);
    while !node.ack().covers(Seq(2)) {}
    assert_eq!(centre.metric("tram_node_losses_total"), 607, "told twice, counted once");
    drop(node);

    let centre = Centre::again(centre.kill());
    let gaps = centre.json("/api/v1/gaps?station=a");
    let gaps = gaps.as_array().unwrap();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert_eq!((&gaps[0]["cause"], &gaps[0]["readings"]), (&"thinned".into(), &600.into()));
    assert_eq!((&gaps[0]["channel"], &gaps[0]["unit"]), (&"water_level".into(), &"m".into()));
    let left = &gaps[0]["summary"];
    assert_eq!((&left["min"], &left["max"]), (&80.0.into(), &83.512.into()));
    assert_eq!((&left["mean"], &left["usable"]), (&81.0.into(), &598.into()));
    assert_eq!((&left["quality"], &left["tests"][0]), (&3.into(), &"spike".into()));
    assert_eq!((&gaps[1]["cause"], &gaps[1]["channel"]), (&"corrupt".into(), &().into()));
    assert!(gaps[1]["summary"].is_null());

    // Beside the readings, where somebody looks at a curve.
    let history = centre.json("/api/v1/history?station=a&channel=water_level");
    assert_eq!(history["gaps"].as_array().unwrap(), gaps);
    assert_eq!(history["readings"].as_array().unwrap().len(), 1);
    let none =
        centre.json("/api/v1/gaps?station=a&to=2020-01-01T00:00:00Z&from=2019-01-01T00:00:00Z");
    assert_eq!(none.as_array().unwrap().len(), 0);
    let (status, why) = centre.ask("/api/v1/gaps?station=nobody");
    assert_eq!(status, 404);
    assert!(why.contains("/api/v1/stations"), "{why}");
    assert_eq!(centre.ask("/api/v1/gaps?station=a&channel=%21").0, 404);
}
