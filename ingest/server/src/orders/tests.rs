//! Orders as timelines.

use ring::signature::{ED25519, UnparsedPublicKey};

use super::*;

struct Desk {
    orders: Arc<Orders>,
    link: Arc<Link>,
    public: Vec<u8>,
    _folder: tempfile::TempDir,
}

fn node() -> NodeId {
    NodeId::new("a-1").unwrap()
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let key = CommandKey::open(folder.path()).unwrap();
    let digits = key.public();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let public = (0..64).step_by(2).map(byte).collect();
    let link = Link::new();
    let orders = Orders::new(HashSet::from([node()]), Some(key), Arc::clone(&link), None);
    Desk { orders, link, public, _folder: folder }
}

impl Desk {
    fn give(&self, act: Act) -> Told {
        self.orders.give(node(), act, Text::new("Lan").unwrap()).unwrap()
    }

    fn sent(&self) -> Vec<Command> {
        let letters = self.link.mailbox.letters_for_tests();
        letters.iter().map(|bytes| Command::decode(bytes).unwrap()).collect()
    }

    fn state(&self) -> (State, Option<String>) {
        let told = self.orders.told();
        (told[0].state, told[0].reason.clone())
    }
}

fn later(seconds: u64) -> Instant {
    clock::instant() + Duration::from_secs(seconds)
}

#[test]
fn an_order_waits_for_the_nodes_challenge_and_carries_it_under_the_signature() {
    let desk = desk();
    let told = desk.give(Act::Silence(600));
    assert_eq!((told.state, told.act.as_str()), (State::Sent, "silence"));
    assert_eq!(desk.sent(), [Command::Challenge]);
    let challenge = Challenge([7; 16]);
    desk.orders.answered(NodeId::new("a-2").unwrap(), Answer::Challenge(Challenge([9; 16])));
    assert_eq!(desk.sent(), []);
    desk.orders.answered(node(), Answer::Challenge(challenge));
    let sent = desk.sent();
    let [Command::Signed(signed)] = &sent[..] else { panic!("{sent:?}") };
    let key = UnparsedPublicKey::new(&ED25519, &desk.public);
    key.verify(&Signed::signed_bytes(&signed.order), &signed.signature).unwrap();
    let order = Order::decode(&signed.order).unwrap();
    assert_eq!((order.node, order.challenge, order.act), (node(), challenge, Act::Silence(600)));
    assert_eq!((format!("{:016x}", order.id), order.by.as_str()), (told.id, "Lan"));
    // The same again as long as there is no answer.
    desk.orders.tick(later(3));
    assert_eq!(desk.sent(), sent);
    desk.orders.answered(node(), Answer::Outcome { id: order.id, verdict: Verdict::Done });
    assert_eq!(desk.state(), (State::Done, None));
    desk.orders.tick(later(9));
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_refusal_says_why_and_silence_is_given_up() {
    let desk = desk();
    desk.give(Act::Test);
    desk.orders.tick(later(29));
    assert_eq!(desk.sent(), [Command::Challenge]);
    desk.orders.tick(later(31));
    assert_eq!(desk.state(), (State::Expired, Some("no-answer".to_owned())));
    let told = desk.give(Act::Test);
    let id = u64::from_str_radix(&told.id, 16).unwrap();
    desk.orders.answered(node(), Answer::Outcome { id: id ^ 1, verdict: Verdict::Done });
    assert_eq!(desk.state().0, State::Sent);
    desk.orders.answered(node(), Answer::Outcome { id, verdict: Verdict::NoSiren });
    assert_eq!(desk.state(), (State::Refused, Some("no-siren".to_owned())));
    desk.orders.answered(node(), Answer::Outcome { id, verdict: Verdict::Done });
    assert_eq!(desk.state().0, State::Refused, "an order has one end");
}

#[test]
fn a_late_answer_is_better_than_none() {
    let desk = desk();
    let told = desk.give(Act::Reset);
    desk.orders.tick(later(31));
    let id = u64::from_str_radix(&told.id, 16).unwrap();
    desk.orders.answered(node(), Answer::Outcome { id, verdict: Verdict::Done });
    assert_eq!(desk.state(), (State::Done, None));
}

#[test]
fn orders_are_bounded_and_for_known_stations_only() {
    let desk = desk();
    let by = Text::new("Lan").unwrap();
    let unknown = desk.orders.give(NodeId::new("b").unwrap(), Act::Test, by);
    assert_eq!(unknown.err(), Some(Declined::UnknownStation));
    (0..MAX_UNDER_WAY).for_each(|_| drop(desk.give(Act::Test)));
    assert_eq!(desk.orders.give(node(), Act::Test, by).err(), Some(Declined::Busy));
    for _ in 0..MAX_ORDERS {
        desk.orders.tick(later(60));
        desk.give(Act::Test);
    }
    assert_eq!(desk.orders.told().len(), MAX_ORDERS);
    let keyless = Orders::new(HashSet::from([node()]), None, Link::new(), None);
    assert_eq!(keyless.give(node(), Act::Test, by).err(), Some(Declined::NoKey));
}
