//! The sentences of the page without scripts, in each language.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};

/// The cookie in which the page keeps a person's choice.
const LANGUAGE_COOKIE: &str = "stanchion-lang";

/// A language that the page speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// The language of a tag such as `ko-KR`, if the page speaks it.
    pub fn known(tag: &str) -> Option<Self> {
        let base = tag.trim().split('-').next()?;
        if base.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else if base.eq_ignore_ascii_case("ko") {
            Some(Self::Korean)
        } else {
            None
        }
    }

    /// Its tag, for `<html lang>`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// The one to speak: that of the query, of the cookie, or the one that the browser likes best.
    pub fn choose(query: Option<&str>, headers: &HeaderMap) -> Self {
        query
            .and_then(Self::known)
            .or_else(|| Self::of_cookie(headers))
            .or_else(|| Self::accepted(headers))
            .unwrap_or(Self::English)
    }

    fn of_cookie(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, tag)| (name == LANGUAGE_COOKIE).then(|| Self::known(tag))?)
    }

    /// The known one with the greatest weight; of equals, the first.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let ranges = headers
            .get_all(ACCEPT_LANGUAGE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(','));
        for range in ranges {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            let weight: f32 = weight.trim().parse().unwrap_or(0.0);
            if let Some(language) = Self::known(tag)
                && weight > best.map_or(0.0, |(weight, _)| weight)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// Everything said in this language.
    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Korean => &KOREAN,
        }
    }
}

/// Every sentence; `{}` stands for a number, a time or a code.
pub struct Words {
    pub not_open: [&'static str; 2],
    pub opens_at: &'static str,
    pub join: &'static str,
    pub join_text: &'static str,
    pub sent_alone: [&'static str; 2],
    pub left: &'static str,
    pub in_line: &'static str,
    pub lobby: [&'static str; 2],
    pub lobby_drawn: [&'static str; 2],
    pub drawing: [&'static str; 2],
    pub paused: [&'static str; 2],
    pub number: &'static str,
    pub refreshes: &'static str,
    /// In seconds, minutes, hours.
    pub range: [&'static str; 3],
    pub likely: &'static str,
    pub uncertain: &'static str,
    pub unlikely: &'static str,
    pub turn: [&'static str; 2],
    pub take: &'static str,
    pub turn_soon: [&'static str; 2],
    pub unknown_outcome: [&'static str; 2],
    pub ask_again: &'static str,
    pub ticket_refused: [&'static str; 2],
    pub enough: [&'static str; 2],
    pub pending: [&'static str; 2],
    pub coupon: [&'static str; 2],
    pub record: &'static str,
    pub sold_out: [&'static str; 2],
    pub missed: [&'static str; 2],
    pub gave_up: [&'static str; 2],
    pub again: &'static str,
    pub line_closed: [&'static str; 2],
    pub closed: [&'static str; 2],
    pub unknown: [&'static str; 2],
}

static ENGLISH: Words = Words {
    not_open: ["Not open yet.", "This page asks again by itself."],
    opens_at: "The line opens at {}.",
    join: "Join the line",
    join_text: "Reloading or a lost connection will not cost you your place.",
    sent_alone: [
        "This line needs JavaScript.",
        "It is for people whom the organiser’s site sends here, and only a script can take what that site gave you. Switch JavaScript on for this page, then follow the site’s link once more.",
    ],
    left: "Coupons left: {}",
    in_line: "People in line: {}",
    lobby: [
        "You are in.",
        "The line starts to move when the event opens.",
    ],
    lobby_drawn: [
        "You are in.",
        "Everyone here before opening gets a random place: the places are drawn when it opens.",
    ],
    drawing: [
        "The places are being drawn.",
        "Everyone who came before the opening gets a random one.",
    ],
    paused: [
        "The line is paused by the organiser.",
        "Your place is kept.",
    ],
    number: "You are number",
    refreshes: "This page asks again by itself.",
    range: [
        "{} to {} seconds to go",
        "{} to {} minutes to go",
        "{} to {} hours to go",
    ],
    likely: "A coupon for you: likely.",
    uncertain: "A coupon for you: uncertain.",
    unlikely: "A coupon for you: unlikely.",
    turn: [
        "It’s your turn.",
        "Take your coupon before {}. After that it goes to the next in line.",
    ],
    take: "Get my coupon",
    turn_soon: ["It’s your turn.", "Your ticket is on its way."],
    unknown_outcome: [
        "The answer got lost on its way.",
        "Ask again: you get the true answer, and never lose or double your coupon.",
    ],
    ask_again: "Ask again",
    ticket_refused: [
        "The server did not take your ticket.",
        "Try once more; if that does not help, tell the organiser.",
    ],
    enough: [
        "You have your coupon already.",
        "One person gets so many, and you have them.",
    ],
    pending: [
        "Your coupon is being put on the record.",
        "It is yours. Ask again in a moment to see its code.",
    ],
    coupon: ["Here is your coupon.", "Your code"],
    record: "Kept on the record as #{}.",
    sold_out: [
        "All coupons are gone.",
        "Thank you for waiting; there is no need to stay.",
    ],
    missed: [
        "Your turn went by.",
        "You were away when it came, or your ticket was not used in time. You can join again at the back.",
    ],
    gave_up: [
        "You left the line.",
        "Your place went to the people behind you.",
    ],
    again: "Join again at the back",
    line_closed: [
        "The line is closed.",
        "Those already in line are being served. Nobody new can join.",
    ],
    closed: ["The event is over.", "Thank you for coming."],
    unknown: [
        "There is no such event.",
        "Please check the address you were given.",
    ],
};

static KOREAN: Words = Words {
    not_open: ["아직 시작 전입니다.", "이 화면은 스스로 다시 확인합니다."],
    opens_at: "{}에 시작합니다.",
    join: "줄 서기",
    join_text: "새로고침하거나 연결이 끊겨도 순번은 그대로입니다.",
    sent_alone: [
        "이 줄에 서려면 JavaScript가 필요합니다.",
        "주최자의 사이트에서 오신 분들을 위한 줄이며, 그 사이트가 드린 정보는 스크립트만 읽을 수 있습니다. 이 화면에서 JavaScript를 켠 뒤 사이트의 링크를 다시 눌러 주세요.",
    ],
    left: "남은 쿠폰 {}장",
    in_line: "{}명 대기 중",
    lobby: ["입장 완료.", "이벤트가 시작되면 줄이 움직입니다."],
    lobby_drawn: [
        "입장 완료.",
        "시작 전 입장하신 분들의 순번은 무작위로 정해집니다. 추첨은 시작할 때 이루어집니다.",
    ],
    drawing: [
        "순번을 추첨하고 있습니다.",
        "시작 전 입장하신 분들의 순번은 무작위로 정해집니다.",
    ],
    paused: [
        "주최자가 줄을 잠시 멈췄습니다.",
        "순번은 그대로 유지됩니다.",
    ],
    number: "내 순번",
    refreshes: "이 화면은 스스로 다시 확인합니다.",
    range: [
        "예상 대기 {}–{}초",
        "예상 대기 {}–{}분",
        "예상 대기 {}–{}시간",
    ],
    likely: "쿠폰을 받을 가능성: 높음",
    uncertain: "쿠폰을 받을 가능성: 불확실",
    unlikely: "쿠폰을 받을 가능성: 낮음",
    turn: [
        "차례가 되었습니다!",
        "{} 전에 쿠폰을 받아 주세요. 시간이 지나면 다음 분께 넘어갑니다.",
    ],
    take: "쿠폰 받기",
    turn_soon: ["차례가 되었습니다!", "티켓을 준비하고 있습니다."],
    unknown_outcome: [
        "응답이 도중에 끊겼습니다.",
        "다시 확인해 주세요. 쿠폰이 사라지거나 두 번 발급되는 일은 없습니다.",
    ],
    ask_again: "다시 확인",
    ticket_refused: [
        "서버가 티켓을 받지 않았습니다.",
        "한 번 더 시도해 주세요. 그래도 안 되면 주최자에게 알려 주세요.",
    ],
    enough: [
        "이미 쿠폰을 받으셨습니다.",
        "한 분이 받을 수 있는 만큼 모두 받으셨습니다.",
    ],
    pending: [
        "쿠폰을 기록하는 중입니다.",
        "발급된 쿠폰은 그대로입니다. 잠시 후 다시 확인하면 코드가 보입니다.",
    ],
    coupon: ["쿠폰이 발급되었습니다.", "쿠폰 코드"],
    record: "{}번째로 기록되었습니다.",
    sold_out: [
        "쿠폰이 모두 소진되었습니다.",
        "기다려 주셔서 감사합니다. 더 기다리지 않으셔도 됩니다.",
    ],
    missed: [
        "순번이 지나갔습니다.",
        "차례가 왔을 때 자리를 비우셨거나 제한 시간 안에 받지 않으셨습니다. 맨 뒤에서 다시 줄을 설 수 있습니다.",
    ],
    gave_up: [
        "줄에서 나왔습니다.",
        "자리는 뒤에 계신 분들께 돌아갔습니다.",
    ],
    again: "맨 뒤에서 다시 줄 서기",
    line_closed: [
        "입장이 마감되었습니다.",
        "이미 줄을 선 분들만 받을 수 있습니다.",
    ],
    closed: ["이벤트가 종료되었습니다.", "찾아 주셔서 감사합니다."],
    unknown: [
        "존재하지 않는 이벤트입니다.",
        "안내받은 주소를 다시 확인해 주세요.",
    ],
};

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_query_comes_before_the_cookie_and_the_cookie_before_the_browser() {
        let table = [
            (None, "", "", "en"),
            (None, "", "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
            (None, "", "de, en;q=0.4, ko;q=0.6", "ko"),
            (None, "", "de, fr;q=0.9", "en"),
            (None, "", "ko;q=0, en;q=0.1", "en"),
            (None, "a=b; stanchion-lang=ko", "en", "ko"),
            (None, "stanchion-lang=xx", "ko", "ko"),
            (Some("en"), "stanchion-lang=ko", "ko", "en"),
            (Some("KO"), "", "en", "ko"),
            (Some("xx"), "", "ko", "ko"),
        ];
        for (query, cookie, accepted, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(cookie));
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            let chosen = Language::choose(query, &headers).tag();
            assert_eq!(chosen, expected, "{query:?} {cookie} {accepted}");
        }
    }
}
