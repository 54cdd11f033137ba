//! Codes, renewals, revocations, as timelines.

use std::net::Ipv4Addr;

use rcgen::CertificateParams;

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn office(data: &Path) -> Office {
    let office = Office::open(data, vec!["c".to_owned()], YEAR, at(0)).unwrap();
    office.send_to("mqtts://c:8883".to_owned());
    office
}

fn at(days: i64) -> UnixMicros {
    UnixMicros(1_772_409_600_000_000 + days * 86_400_000_000)
}

fn node() -> NodeId {
    NodeId::new("a").unwrap()
}

fn ask(key: &KeyPair, secret: Option<[u8; 10]>) -> EnrolRequest {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    EnrolRequest { node: node(), secret, request: request.der().to_vec() }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

fn papers(given: &Enrolment) -> Papers {
    Papers::read(&given.certificate).unwrap()
}

#[test]
fn a_code_is_good_once_for_one_key_until_it_expires() {
    let data = tempfile::tempdir().unwrap();
    let office = office(data.path());
    let (one, two) = (key(), key());
    let (code, _) = office.make_code(&node(), Duration::from_secs(86_400), at(0)).unwrap();
    let answer =
        |key: &KeyPair, secret, now| office.answer(&ask(key, Some(secret)), None, HERE, now);
    assert_eq!(answer(&one, [0; 10], at(0)), Err(EnrolRefusal::WrongCode));
    let given = answer(&one, code.secret, at(0)).unwrap();
    assert_eq!(
        (given.broker.as_str(), given.expires.since(given.issued)),
        ("mqtts://c:8883", 365 * 86_400_000_000)
    );
    assert!(office.admits(&papers(&given)) && office.enrolled(&node(), at(1)));
    assert_eq!(answer(&two, code.secret, at(0)), Err(EnrolRefusal::UsedCode));
    // Its answer was lost.
    assert!(answer(&one, code.secret, at(0)).is_ok());
    assert_eq!(answer(&one, code.secret, at(1)), Err(EnrolRefusal::ExpiredCode));
    let (next, _) = office.make_code(&node(), YEAR, at(0)).unwrap();
    assert_eq!(answer(&one, code.secret, at(0)), Err(EnrolRefusal::WrongCode));
    assert!(answer(&two, next.secret, at(0)).is_ok());
    assert_eq!(office.counted(Outcome::Enrolled), 3);
    assert_eq!(office.counted(Outcome::Refused(EnrolRefusal::WrongCode)), 2);
}

#[test]
fn only_the_node_itself_renews_and_not_all_the_time() {
    let data = tempfile::tempdir().unwrap();
    let office = office(data.path());
    let own = key();
    let (code, _) = office.make_code(&node(), YEAR, at(0)).unwrap();
    let given = office.answer(&ask(&own, Some(code.secret)), None, HERE, at(0)).unwrap();
    let mine = papers(&given);
    let renew = |key: &KeyPair, papers: Option<&Papers>, now| {
        office.answer(&ask(key, None), papers, HERE, now).map(|g| self::papers(&g))
    };
    assert_eq!(renew(&own, None, at(250)), Err(EnrolRefusal::Revoked));
    let other = Papers { node: NodeId::new("b").unwrap(), ..mine.clone() };
    assert_eq!(renew(&own, Some(&other), at(250)), Err(EnrolRefusal::Revoked));
    assert_eq!(renew(&key(), Some(&mine), at(250)), Err(EnrolRefusal::BadRequest));
    assert_eq!(renew(&own, Some(&mine), at(1)), Err(EnrolRefusal::TooOften));
    let next = renew(&own, Some(&mine), at(250)).unwrap();
    assert!(next.serial != mine.serial && next.expires > mine.expires);
    assert!(office.admits(&next) && office.admits(&mine));

    // Somebody revokes beside the running centre.
    let beside = Office::open(data.path(), vec!["c".to_owned()], YEAR, at(0)).unwrap();
    assert_eq!(beside.revoke(&node(), at(251)).unwrap(), Some(2));
    assert!(office.look() && !office.look());
    assert!(!office.admits(&next) && !office.admits(&mine));
    assert!(!office.enrolled(&node(), at(252)));
    assert_eq!(renew(&own, Some(&next), at(300)), Err(EnrolRefusal::Revoked));
    assert_eq!(beside.revoke(&NodeId::new("b").unwrap(), at(251)).unwrap(), None);
}

#[test]
fn what_a_restored_registry_never_heard_of_is_good_until_it_is_revoked() {
    let data = tempfile::tempdir().unwrap();
    let office = office(data.path());
    let own = key();
    let (code, _) = office.make_code(&node(), YEAR, at(0)).unwrap();
    let given = office.answer(&ask(&own, Some(code.secret)), None, HERE, at(0)).unwrap();
    std::fs::remove_file(data.path().join("enrol/registry.json")).unwrap();
    assert!(office.look());
    assert!(office.admits(&papers(&given)));
    let next = office.answer(&ask(&own, None), Some(&papers(&given)), HERE, at(250)).unwrap();
    assert_eq!(office.revoke(&node(), at(251)).unwrap(), Some(1));
    assert!(office.look());
    assert!(!office.admits(&papers(&given)) && !office.admits(&papers(&next)));
}

#[test]
fn a_request_that_is_none_or_of_a_strange_key_gets_nothing() {
    let data = tempfile::tempdir().unwrap();
    let office = office(data.path());
    let (code, _) = office.make_code(&node(), YEAR, at(0)).unwrap();
    let mut changed = ask(&key(), Some(code.secret));
    if let Some(last) = changed.request.last_mut() {
        *last ^= 1;
    }
    let empty = EnrolRequest { request: Vec::new(), ..changed.clone() };
    for request in [changed, empty] {
        let answer = office.answer(&request, None, HERE, at(0));
        assert_eq!(answer, Err(EnrolRefusal::BadRequest));
    }
}

#[test]
fn whoever_may_command_is_told_once_there_is_a_key() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(command_key(data.path()), None);
    let pair = key();
    std::fs::write(data.path().join("command.key"), pair.serialize_pem()).unwrap();
    assert_eq!(command_key(data.path()).unwrap(), pair.public_key_raw());
    std::fs::write(data.path().join("command.key"), "nothing").unwrap();
    assert_eq!(command_key(data.path()), None);
}
