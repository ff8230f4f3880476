//! Instants: RFC 3339 in, RFC 3339 in UTC with milliseconds out.
//!
//! An instant is a number of milliseconds since 1970-01-01T00:00:00Z, of the years 1970 to 9999 (contract,
//! Values). Parsing cuts to milliseconds. It follows RFC 3339, section 5.6: `T` and `Z` in either case, an
//! offset of hours and minutes, leap years; a space for the `T` and a second 60 are refused. Civil dates
//! are converted by Howard Hinnant's `days_from_civil`
//! (<https://howardhinnant.github.io/date_algorithms.html>).

use std::fmt;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// The first millisecond of the year 10000.
const END_MS: i64 = 253_402_300_800_000;

impl Time {
    /// The instant `ms` milliseconds after 1970, if it lies in the years 1970 to 9999.
    #[must_use]
    pub fn from_ms(ms: i64) -> Option<Time> {
        (0..END_MS).contains(&ms).then_some(Time(ms))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.0
    }

    /// The instant `seconds` later. May lie past the year 9999, where only comparison makes sense.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Time {
        self.plus_ms(seconds * 1000)
    }

    /// The instant `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Time {
        Time(self.0 + ms)
    }

    /// Reads RFC 3339, cut to milliseconds; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        let b = text.as_bytes();
        if b.len() < 20
            || b[4] != b'-'
            || b[7] != b'-'
            || !matches!(b[10], b'T' | b't')
            || b[13] != b':'
            || b[16] != b':'
        {
            return None;
        }
        let (year, month, day) = (digits(&b[..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
        let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
        let (ms, rest) = fraction(&b[19..])?;
        let offset_minutes = offset(rest)?;
        let seconds = instant(year, month, day, hour, minute, second)?;
        Time::from_ms((seconds - offset_minutes * 60) * 1000 + ms)
    }

    /// The same of the usual form with 24 characters, `YYYY-MM-DDThh:mm:ss.fffZ`; `None` if it is any other.
    #[inline]
    pub(crate) fn parse_usual(text: &[u8; 24]) -> Option<Time> {
        const ZEROS: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
        // What each byte is above the zeros: a digit's value, or nothing where the form is fixed.
        let d: [u8; 24] = std::array::from_fn(|i| text[i].wrapping_sub(ZEROS[i]));
        let most = |i: usize| if ZEROS[i] == b'0' { 9 } else { 0 };
        let other = (0..24).fold(false, |other, i| other | (d[i] > most(i)));
        let number =
            |from: usize, to: usize| d[from..to].iter().fold(0, |n, digit| n * 10 + i64::from(*digit));
        let seconds = instant(
            number(0, 4),
            number(5, 7),
            number(8, 10),
            number(11, 13),
            number(14, 16),
            number(17, 19),
        )?;
        if other {
            None
        } else {
            Time::from_ms(seconds * 1000 + number(20, 23))
        }
    }

    /// The UTC day, counted from 1970-01-01.
    #[must_use]
    pub fn day_number(self) -> u32 {
        u32::try_from(self.0.div_euclid(86_400_000)).expect("times are from 1970 to 9999")
    }

    /// The UTC day, `YYYY-MM-DD`.
    #[must_use]
    pub fn day(self) -> String {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400_000));
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400_000));
        let ms = self.0.rem_euclid(86_400_000);
        let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// Seconds from 1970 to a date and time of day, if they exist.
fn instant(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let exists = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 59;
    exists.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(b: &[u8]) -> Option<i64> {
    b.iter()
        .try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

/// Milliseconds of `.digits` at the start of `b`, if any, and what follows.
fn fraction(b: &[u8]) -> Option<(i64, &[u8])> {
    if b.first() != Some(&b'.') {
        return Some((0, b));
    }
    let len = b[1..].iter().take_while(|d| d.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |ms, i| {
        ms * 10 + if i < len { i64::from(b[1 + i] - b'0') } else { 0 }
    });
    Some((ms, &b[1 + len..]))
}

/// Minutes east of UTC that `Z` or `+hh:mm` says; nothing may follow.
fn offset(b: &[u8]) -> Option<i64> {
    match b {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let minutes = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_and_cut_to_milliseconds() {
        let ms = |text| Time::parse(text).map(Time::ms);
        assert_eq!(ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(ms("2010-12-01T08:26:00.123999Z"), Some(1_291_191_960_123));
        assert_eq!(ms("2010-12-01t17:26:00.1+09:00"), Some(1_291_191_960_100));
        assert_eq!(ms("2000-02-29T00:00:00-00:00"), Some(951_782_400_000));
        assert_eq!(ms("9999-12-31T23:59:59.9999z"), Some(END_MS - 1));
        assert_eq!(ms("1969-12-31T23:59:59-00:01"), Some(59_000));
        for bad in [
            "",
            "2010-12-01",
            "2010-12-01 08:26:00Z",
            "2010-12-01T08:26:00",
            "2010-12-01T08:26:60Z",
            "2010-12-01T24:00:00Z",
            "2010-13-01T00:00:00Z",
            "2010-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2010-12-00T00:00:00Z",
            "2010-12-01T08:26:00.Z",
            "2010-12-01T08:26:00+0900",
            "1969-12-31T23:59:59Z",
            "2010-12-01T08:26:00+24:00",
            "9999-12-31T23:59:59-00:01",
            "2010-12-01T08:26:00Zx",
            "2010-12-01T08:26Z",
            "+010-12-01T08:26:00Z",
            "２010-12-01T08:26:00Z",
            "0000-01-01T00:00:00Z",
            "2010-12-01T08:26:00+09:60",
        ] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn rendering_and_reading_are_inverse() {
        for day in 0..2_932_897 {
            let time = Time(day * 86_400_000 + day * 7919 % 86_400_000);
            assert_eq!(Time::parse(&time.to_string()), Some(time));
            assert!(time.to_string().starts_with(&time.day()));
        }
    }
}
