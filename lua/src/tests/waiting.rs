//! Loading a mirror: the people in line, piece by piece, with and without gaps among them.

use domain::{EventId, Seq};
use futures_util::future::try_join_all;

use super::{Rig, id, place};

/// Who is in line, read so many at a time.
async fn read(rig: &Rig, event: &EventId, limit: usize) -> Vec<u64> {
    let (mut in_line, mut after) = (Vec::new(), Some(Seq(0)));
    while let Some(from) = after {
        let page = rig.store.waiting(event, from, limit).await.unwrap();
        assert!(page.seqs.len() <= limit, "{limit}");
        in_line.extend(page.seqs.iter().map(|seq| seq.0));
        after = page.next;
    }
    in_line
}

async fn leave(rig: &Rig, event: &EventId, people: impl Iterator<Item = u64>) {
    let people: Vec<_> = people.map(place).collect();
    let leaving = people.iter().map(|place| rig.store.leave(event, place));
    try_join_all(leaving).await.unwrap();
}

/// Does this person go? Few do among the first, a whole stretch after them, and nearly all at the end.
fn goes(n: u64) -> bool {
    let lot = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    match n {
        1..=300 => lot.is_multiple_of(97),
        301..=400 => true,
        401..=600 => lot.is_multiple_of(3),
        _ => !lot.is_multiple_of(20),
    }
}

#[tokio::test]
async fn whatever_gaps_a_line_has_everybody_in_it_is_read_once() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":9,"phase":"open"}"#)
        .await;
    rig.enter(&demo, 1..=800).await;
    let all: Vec<u64> = (1..=800).collect();
    assert_eq!(read(&rig, &demo, 300).await, all);
    leave(&rig, &demo, (1..=800).filter(|&n| goes(n))).await;
    let stay: Vec<u64> = (1..=800).filter(|&n| !goes(n)).collect();
    for limit in [1, 70, 200, 10_000] {
        assert_eq!(read(&rig, &demo, limit).await, stay, "{limit} at a time");
    }
    leave(&rig, &demo, stay.into_iter()).await;
    assert_eq!(read(&rig, &demo, 10).await, [] as [u64; 0]);
}
