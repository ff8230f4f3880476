//! What customers write: short reviews in English and Korean, put together from templates.

/// Sentences that open a review, by rating, and that may follow.
struct Phrases {
    openings: [&'static [&'static str]; 5],
    more: [&'static [&'static str]; 3],
}

const ENGLISH: Phrases = Phrases {
    openings: [
        &[
            "Arrived broken and I want my money back.",
            "Very disappointing, nothing like the picture.",
            "Fell apart after two days.",
        ],
        &[
            "Smaller than I thought, and the paint is uneven.",
            "Not worth the price.",
            "Looks cheap, I had hoped for more.",
        ],
        &[
            "It is all right, no more and no less.",
            "Nice idea, so-so quality.",
            "Does what it should, but the colour is off.",
        ],
        &[
            "Lovely piece, one small scratch.",
            "Good value, would buy again.",
            "Pretty, and well packed.",
        ],
        &[
            "Absolutely charming, everybody asks where it is from!",
            "Perfect present, my sister loved it.",
            "Even nicer than in the picture.",
            "Third time I order these, they sell at once in our shop.",
        ],
    ],
    more: [
        &[
            "Nobody answered my letter.",
            "Delivery took a week as well.",
            "I will not order it again.",
        ],
        &[
            "Delivery was quick.",
            "The box was dented.",
            "We shall see how long it lasts.",
        ],
        &[
            "Delivery was quick.",
            "It stands on our mantelpiece now.",
            "Ideal for Christmas.",
            "Ordered six more.",
        ],
    ],
};

const KOREAN: Phrases = Phrases {
    openings: [
        &[
            "깨진 채로 왔어요. 환불해 주세요.",
            "사진이랑 너무 달라서 실망했습니다.",
            "이틀 만에 망가졌어요.",
        ],
        &[
            "생각보다 작고 칠이 고르지 않아요.",
            "가격에 비해 아쉽습니다.",
            "마감이 허술해요.",
        ],
        &[
            "그냥 그래요. 무난합니다.",
            "디자인은 좋은데 품질은 보통이에요.",
            "색이 화면보다 어두워요.",
        ],
        &[
            "예쁘고 튼튼해요. 작은 흠집이 하나 있네요.",
            "가성비 좋습니다. 또 살게요.",
            "포장도 꼼꼼하고 마음에 들어요.",
        ],
        &[
            "정말 예뻐요! 보는 사람마다 어디서 샀냐고 물어봐요.",
            "선물했는데 너무 좋아하네요 ㅎㅎ",
            "사진보다 실물이 훨씬 나아요 👍",
            "세 번째 재구매입니다. 가게에 놓으면 바로 팔려요.",
        ],
    ],
    more: [
        &[
            "문의했는데 답이 없네요.",
            "배송도 일주일이나 걸렸어요.",
            "다시는 안 사요.",
        ],
        &[
            "배송은 빨랐어요.",
            "상자가 조금 찌그러져 왔어요.",
            "얼마나 오래 쓸지 봐야겠네요.",
        ],
        &[
            "배송도 빨라요.",
            "거실에 두니 분위기가 달라졌어요.",
            "크리스마스 장식으로 딱이에요.",
            "여섯 개 더 주문했어요.",
        ],
    ],
};

/// A choice that the number `draw` names, and what is left of it.
fn choose<T: Copy>(from: &[T], draw: &mut u64) -> T {
    let count = from.len() as u64;
    let index = usize::try_from(*draw % count).expect("below the length");
    *draw /= count;
    from[index]
}

/// A rating from 1 to 5: most are good, some are not.
#[must_use]
pub fn rating(draw: u64) -> u8 {
    match draw % 100 {
        0..5 => 1,
        5..11 => 2,
        11..23 => 3,
        23..50 => 4,
        _ => 5,
    }
}

/// What somebody writes who rates so.
///
/// # Panics
/// If the rating is not from 1 to 5.
#[must_use]
pub fn review(rating: u8, is_korean: bool, mut draw: u64) -> String {
    let phrases = if is_korean { &KOREAN } else { &ENGLISH };
    let opening = choose(phrases.openings[usize::from(rating) - 1], &mut draw);
    let mood = match rating {
        1 | 2 => 0,
        3 => 1,
        _ => 2,
    };
    let more = choose(phrases.more[mood], &mut draw);
    match draw % 3 {
        0 => opening.to_owned(),
        _ => format!("{opening} {more}"),
    }
}
