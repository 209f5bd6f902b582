//! Orders about draws. They need no token: what a draw is checked by is everybody's.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use client::{Draw, Options, Visitor};
use domain::PlaceId;
use domain::draw::Seed;
use domain::draw::check::check;
use serde_json::json;

use super::sentence;

/// An order about a draw.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum DrawOrder {
    /// Works a published draw out again from its seed and its list, and says whether they agree. Needs no token.
    Check(CheckArgs),
}

/// What is to be checked.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The event.
    event: String,
    /// The public door.
    #[arg(
        long,
        env = "STANCHION_PUBLIC_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    public_url: String,
    /// A place id that must be on the list.
    #[arg(long)]
    place: Option<PlaceId>,
    /// A copy of the list that was saved before, instead of the one that is published now.
    #[arg(long)]
    list: Option<PathBuf>,
}

/// Carries the order out.
pub(super) async fn run(order: &DrawOrder, as_json: bool) -> anyhow::Result<ExitCode> {
    let DrawOrder::Check(args) = order;
    let visitor = Visitor::new(&args.public_url, Options::default())?;
    let draw = match visitor.draw(&args.event).await {
        Ok(draw) => draw,
        Err(error) => {
            eprintln!("{}", sentence(&error));
            return Ok(ExitCode::FAILURE);
        }
    };
    let list = match &args.list {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?,
        None => visitor.draw_list(&args.event).await?,
    };
    let found = judged(&draw, &list, args.place.as_ref());
    if as_json {
        let (agrees, said) = match &found {
            Ok(said) => (true, said),
            Err(said) => (false, said),
        };
        let answer = json!({ "agrees": agrees, "said": said, "draw": draw });
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        match &found {
            Ok(said) => println!("{said}"),
            Err(said) => eprintln!("{said}"),
        }
    }
    Ok(if found.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is to be said of a draw: that it agrees, or where not.
fn judged(draw: &Draw, list: &str, place: Option<&PlaceId>) -> Result<String, String> {
    let Draw {
        event,
        seed,
        seed_origin,
        people,
        digest,
        ..
    } = draw;
    let differs =
        |why: &dyn std::fmt::Display| format!("the draw of `{event}` does not agree: {why}");
    let drawn_by: Seed = seed.parse().map_err(|odd| differs(&odd))?;
    let order = check(list, &drawn_by, *people, digest).map_err(|where_not| differs(&where_not))?;
    let agrees = format!(
        "the draw of `{event}` agrees: {people} people stand in the order that the seed {seed} ({seed_origin}) gives them, \
         and the SHA-256 of their list is {digest}"
    );
    let Some(place) = place else {
        return Ok(agrees);
    };
    match (1..).zip(&order).find(|(_, drawn)| *drawn == place) {
        Some((number, _)) => Ok(format!("{agrees}; {place} was drawn as number {number}")),
        None => Err(differs(&format!("{place} is not on the list"))),
    }
}

#[cfg(test)]
mod tests {
    use domain::draw::List;

    use super::*;

    #[test]
    fn it_is_said_that_a_draw_agrees_or_where_not() {
        let place = |n: u64| -> PlaceId { format!("{n:021}A").parse().unwrap() };
        let seed = "5a".repeat(32);
        let order = seed
            .parse::<Seed>()
            .unwrap()
            .order((1..=3).map(place).collect());
        let list = List::of(&order);
        let draw = Draw {
            event: "drop".into(),
            seed,
            seed_origin: "random".into(),
            people: 3,
            drawn_at: "2026-11-21T10:00:00Z".parse().unwrap(),
            digest: list.digest(),
        };
        let said = judged(&draw, list.as_str(), Some(&order[1])).unwrap();
        let end = format!("; {} was drawn as number 2", order[1]);
        assert!(said.starts_with("the draw of `drop` agrees: 3 people") && said.ends_with(&end));
        let stranger = judged(&draw, list.as_str(), Some(&place(4))).unwrap_err();
        assert!(stranger.ends_with("is not on the list"), "{stranger}");
        let backwards: Vec<PlaceId> = order.iter().rev().cloned().collect();
        let said = judged(&draw, List::of(&backwards).as_str(), None).unwrap_err();
        assert!(
            said.starts_with("the draw of `drop` does not agree: line 1 of the list is "),
            "{said}"
        );
        let odd = Draw {
            seed: "5a".into(),
            ..draw
        };
        let said = judged(&odd, list.as_str(), None).unwrap_err();
        assert!(said.ends_with("a seed is 64 hexadecimal digits"), "{said}");
    }
}
