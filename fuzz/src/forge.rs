//! Any bytes as the files of a log whose checksums are right, so that what lies behind the checksums is
//! reached too. Where the formats stand: `streams/src/embedded/` (`meta`, `segment`, `frame`, `index`).
//!
//! The input is cut into files at each `0xff 0xfe`; a file's first byte says what it is and how much of it is
//! put right, its second which segment it belongs to.

use contract::installation::Installation;

use crate::disk::Memory;

/// The installation that all forged files belong to.
#[must_use]
pub fn installation() -> Installation {
    Installation::new(1, [2; 10])
}

fn checksum(salt: u32, bytes: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..at + 4]
        .iter()
        .rev()
        .fold(0, |n, b| n << 8 | usize::from(*b))
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// The directory that the input describes.
#[must_use]
pub fn directory(data: &[u8]) -> Memory {
    let disk = Memory::default();
    for file in split(data) {
        let [kind, number, bytes @ ..] = file else {
            continue;
        };
        let (mut bytes, number) = (bytes.to_vec(), u64::from(*number % 6));
        let right = kind & 0x10 == 0;
        match kind % 4 {
            0 => {
                if right {
                    meta(&mut bytes);
                }
                disk.put("millrace-log".to_owned(), bytes);
            }
            1 => {
                if right {
                    segment(&mut bytes, number);
                }
                disk.put(format!("{number:020}.segment"), bytes);
            }
            2 => {
                if right {
                    index(&mut bytes, number);
                }
                disk.put(format!("{number:020}.index"), bytes);
            }
            _ => disk.put(String::from_utf8_lossy(&bytes).into_owned(), Vec::new()),
        }
    }
    disk
}

fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    while let Some(at) = data.windows(2).position(|w| w == [0xff, 0xfe]) {
        files.push(&data[..at]);
        data = &data[at + 2..];
    }
    files.push(data);
    files
}

/// The lines of the bytes between the first line and the checksum that belong there.
fn meta(bytes: &mut Vec<u8>) {
    let mut text = format!("millrace-log 1\ninstallation {}\n", installation()).into_bytes();
    text.append(bytes);
    let sum = u32::from_le_bytes(checksum(0, &text));
    text.extend_from_slice(format!("checksum {sum:08x}\n").as_bytes());
    *bytes = text;
}

fn segment(bytes: &mut Vec<u8>, number: u64) {
    if bytes.len() < 60 {
        bytes.resize(60, 0);
    }
    let streams = u32_at(bytes, 56) % 8;
    let len = 60 + 8 * streams;
    if bytes.len() < len {
        bytes.resize(len, 0);
    }
    put(bytes, 0, b"MRLOGSEG\x01\0\0\0");
    put(bytes, 16, &installation().bytes());
    put(bytes, 32, &number.to_le_bytes());
    put(bytes, 56, &[streams as u8, 0, 0, 0]);
    let mut ends: Vec<u64> = (0..8)
        .map(|s| {
            if s < streams {
                u32_at(bytes, 60 + 8 * s) as u64
            } else {
                0
            }
        })
        .collect();
    let sum = checksum(0, &bytes[16..len]);
    put(bytes, 12, &sum);
    let (mut at, mut sequence) = (len, u32_at(bytes, 40) as u64 | (u32_at(bytes, 44) as u64) << 32);
    while let Some(len) = frame(&mut bytes[at..], at as u64, sequence, &mut ends) {
        at += len;
        sequence = sequence.wrapping_add(1);
    }
}

/// Makes a frame of what stands there; how long it is. The high bits of a few bytes leave a field as it is.
fn frame(bytes: &mut [u8], at: u64, sequence: u64, ends: &mut [u64]) -> Option<usize> {
    let salt = crc32fast::hash(&installation().bytes());
    if bytes.len() < 48 {
        return None;
    }
    let chunks = u32_at(bytes, 12) % 5;
    let header = 48 + 24 * chunks;
    if bytes.len() < header {
        return None;
    }
    let (mut body, keep) = (header, bytes[4]);
    for chunk in (48..header).step_by(24) {
        let (stream, len) = (u32_at(bytes, chunk) % 9, u32_at(bytes, chunk + 16) % 300);
        if bytes.len() < body + len {
            return None;
        }
        let count = u32_at(bytes, chunk + 4);
        put(bytes, chunk, &[stream as u8, 0, 0, 0]);
        put(bytes, chunk + 16, &(len as u32).to_le_bytes());
        if let Some(end) = ends.get_mut(stream).filter(|_| keep & 0x20 == 0) {
            put(bytes, chunk + 8, &end.to_le_bytes());
            *end = end.wrapping_add(count as u64);
        }
        let sum = checksum(salt, &bytes[body..body + len]);
        put(bytes, chunk + 20, &sum);
        body += len;
    }
    put(bytes, 0, b"MRF1");
    put(bytes, 8, &((body - header) as u32).to_le_bytes());
    put(bytes, 12, &(chunks as u32).to_le_bytes());
    if keep & 0x40 == 0 {
        put(bytes, 16, &sequence.to_le_bytes());
    }
    if keep & 0x80 == 0 {
        put(bytes, 24, &at.to_le_bytes());
    }
    let sum = checksum(salt, &bytes[8..header]);
    put(bytes, 4, &sum);
    Some(body)
}

fn index(bytes: &mut Vec<u8>, number: u64) {
    if bytes.len() < 28 {
        bytes.resize(28, 0);
    }
    let streams = u32_at(bytes, 24) % 8;
    let head = 28 + 16 * streams;
    if bytes.len() < head {
        bytes.resize(head, 0);
    }
    put(bytes, 0, b"MRLOGIDX\x01\0\0\0");
    put(bytes, 16, &number.to_le_bytes());
    put(bytes, 24, &[streams as u8, 0, 0, 0]);
    for part in (28..head).step_by(16) {
        let (first, count) = (u32_at(bytes, part) % 16, u32_at(bytes, part + 8) % 16);
        let from = head + 16 * first;
        if let Some(entries) = bytes.get(from..from + 16 * count) {
            let sum = checksum(0, entries);
            put(bytes, part, &(first as u64).to_le_bytes());
            put(bytes, part + 8, &(count as u32).to_le_bytes());
            put(bytes, part + 12, &sum);
        }
    }
    let sum = checksum(0, &bytes[16..head]);
    put(bytes, 12, &sum);
}
