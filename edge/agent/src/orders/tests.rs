//! Orders that are right, and every way in which they are not.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tram_wire::{Act, Text};

use super::*;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> PublicKey {
    pair.public_key().as_ref().try_into().unwrap()
}

fn node() -> NodeId {
    NodeId::new("a-1").unwrap()
}

fn door(keys: Vec<PublicKey>) -> Doorkeeper {
    Doorkeeper::new(node(), keys, PathBuf::from("/no/such/command.pub"))
}

fn order(challenge: Challenge, id: u64) -> Order {
    Order { node: node(), challenge, id, act: Act::Test, by: Text::new("Lan").unwrap() }
}

fn signed(order: &Order, pair: &Ed25519KeyPair) -> Signed {
    let order = order.encode();
    let signature = pair.sign(&Signed::signed_bytes(&order));
    Signed { signature: signature.as_ref().try_into().unwrap(), order }
}

fn at(second: u64) -> UptimeMicros {
    UptimeMicros(second * 1_000_000)
}

#[test]
fn an_order_is_done_once_and_answered_again() {
    let key = pair(1);
    let mut door = door(vec![public(&key)]);
    let order = order(door.challenge(at(0)).unwrap(), 7);
    let signed = signed(&order, &key);
    assert_eq!(door.admit(&signed, at(1)), Admitted::Do(order));
    assert_eq!(door.admit(&signed, at(2)), Admitted::UnderWay);
    door.settled(7, Verdict::Done);
    assert_eq!(door.admit(&signed, at(3)), Admitted::Answer(7, Verdict::Done));
    // The next run knows nothing of it, and does not do it either.
    let mut next = self::door(vec![public(&key)]);
    next.challenge(at(4)).unwrap();
    assert_eq!(next.admit(&signed, at(5)), Admitted::Answer(7, Verdict::Expired));
}

#[test]
fn it_is_for_one_node_and_one_moment() {
    let key = pair(1);
    let mut door = door(vec![public(&key)]);
    let challenge = door.challenge(at(0)).unwrap();
    let late = signed(&order(challenge, 1), &key);
    assert_eq!(door.admit(&late, at(60)), Admitted::Answer(1, Verdict::Expired));
    let challenge = door.challenge(at(61)).unwrap();
    let other = Order { node: NodeId::new("a-2").unwrap(), ..order(challenge, 2) };
    let other = signed(&other, &key);
    assert_eq!(door.admit(&other, at(62)), Admitted::Answer(2, Verdict::Misdirected));
    let invented = signed(&order(Challenge([9; 16]), 3), &key);
    assert_eq!(door.admit(&invented, at(62)), Admitted::Answer(3, Verdict::Expired));
    assert!(matches!(door.admit(&signed(&order(challenge, 4), &key), at(63)), Admitted::Do(_)));
    let again = signed(&order(challenge, 5), &key);
    assert_eq!(door.admit(&again, at(64)), Admitted::Answer(5, Verdict::Expired), "used up");
}

#[test]
fn only_the_key_of_the_centre_opens() {
    let (key, stranger) = (pair(1), pair(2));
    let mut none = door(Vec::new());
    let challenge = none.challenge(at(0)).unwrap();
    let right = signed(&order(challenge, 1), &key);
    assert_eq!(none.admit(&right, at(1)), Admitted::Answer(1, Verdict::NoKey));
    let mut door = door(vec![public(&key)]);
    let challenge = door.challenge(at(0)).unwrap();
    let theirs = signed(&order(challenge, 2), &stranger);
    assert_eq!(door.admit(&theirs, at(1)), Admitted::Answer(2, Verdict::Untrusted));
    let right = signed(&order(challenge, 3), &key);
    for i in 0..right.order.len() {
        let mut forged = right.clone();
        forged.order[i] ^= 1;
        let answer = door.admit(&forged, at(1));
        assert!(matches!(answer, Admitted::Answer(_, Verdict::Untrusted)), "byte {i}: {answer:?}");
    }
    // A signature of the same bytes for another purpose is none of an order.
    let bare = key.sign(&right.order);
    let forged = Signed { signature: bare.as_ref().try_into().unwrap(), ..right.clone() };
    assert_eq!(door.admit(&forged, at(1)), Admitted::Answer(3, Verdict::Untrusted));
    // All of that has used nothing up.
    assert!(matches!(door.admit(&right, at(1)), Admitted::Do(_)));
    let nonsense = b"nonsense".to_vec();
    let signature = key.sign(&Signed::signed_bytes(&nonsense));
    let signature = signature.as_ref().try_into().unwrap();
    let nonsense = Signed { order: nonsense, signature };
    assert_eq!(door.admit(&nonsense, at(2)), Admitted::Answer(0, Verdict::Misdirected));
}

#[test]
fn whoever_asks_all_the_time_keeps_nobody_out() {
    let key = pair(1);
    let mut door = door(vec![public(&key)]);
    let mine = door.challenge(at(29)).unwrap();
    for second in 29..80 {
        door.challenge(at(second)).unwrap();
        assert!(door.challenges.len() <= 3);
    }
    assert!(matches!(door.admit(&signed(&order(mine, 1), &key), at(80)), Admitted::Do(_)));
}

#[test]
fn what_is_remembered_is_bounded() {
    let key = pair(1);
    let mut door = door(vec![public(&key)]);
    for id in 1..200 {
        let challenge = door.challenge(at(0)).unwrap();
        assert!(matches!(door.admit(&signed(&order(challenge, id), &key), at(0)), Admitted::Do(_)));
        door.settled(id, Verdict::Done);
    }
    assert_eq!(door.remembered.len(), MAX_REMEMBERED);
}

#[test]
fn keys_that_enrolment_wrote_count_from_the_moment_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("command.pub");
    let key = pair(3);
    let mut door = Doorkeeper::new(node(), Vec::new(), file.clone());
    let challenge = door.challenge(at(0)).unwrap();
    let right = signed(&order(challenge, 1), &key);
    assert_eq!(door.admit(&right, at(1)), Admitted::Answer(1, Verdict::NoKey));
    let digits: String = public(&key).iter().map(|b| format!("{b:02x}")).collect();
    fs::write(&file, format!("# the centre\n{digits} # 2026\n")).unwrap();
    assert!(matches!(door.admit(&right, at(2)), Admitted::Do(_)));
    fs::write(&file, "nonsense\n").unwrap();
    assert!(read_keys(&file).unwrap_err().contains("64 hexadecimal digits"));
    fs::write(&file, vec![b'#'; 5000]).unwrap();
    assert_eq!(read_keys(&file), Err("is too large".to_owned()));
}
