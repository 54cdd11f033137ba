//! Trees of tables and indexes.

use std::collections::BTreeSet;

use super::{Raw, Record, number, record::varint};

const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// A row of a table, or an entry of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number; an entry of an index, and of a table without numbers, has none.
    pub id: Option<i64>,
    /// Its values.
    pub record: Record,
    /// The page it begins in.
    pub page: u32,
}

/// No payload of ours is longer.
const MAX_PAYLOAD: usize = 1 << 28;

impl Raw {
    /// Gives the rows of the tree that begins at `root` to `take`, as many as can be read, in
    /// their order. Says which of its pages are damaged.
    pub fn walk(&mut self, root: u32, mut take: impl FnMut(Row)) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        self.walk_on(root, &mut seen, &mut take).0
    }

    /// The same; `seen` are the pages met. Says which are damaged, and whether the rows below one
    /// of them may be anywhere.
    pub(crate) fn walk_on(
        &mut self,
        root: u32,
        seen: &mut BTreeSet<u32>,
        take: &mut dyn FnMut(Row),
    ) -> (Vec<u32>, bool) {
        let mut damaged = Vec::new();
        let mut headless = false;
        // Each page with how deep it is; leaves are all equally deep.
        let mut waiting = vec![(root, 0_u32)];
        let mut leaves = None;
        while let Some((page_number, depth)) = waiting.pop() {
            if !seen.insert(page_number) {
                continue;
            }
            let page = self.page(page_number);
            let Some(page) = page.filter(|p| kind(p, page_number).is_some()) else {
                damaged.push(page_number);
                headless |= leaves.is_none_or(|leaves| depth < leaves);
                continue;
            };
            let kind = kind(&page, page_number).unwrap_or_default();
            let mut below = Vec::new();
            for cell in cells(&page, page_number) {
                let Some(bytes) = page.get(cell..) else { continue };
                let bytes = if matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE) {
                    below.push((number(&page, cell), depth + 1));
                    bytes.get(4..).unwrap_or_default()
                } else {
                    bytes
                };
                if kind != INTERIOR_TABLE
                    && let Some(row) = self.row(bytes, kind == LEAF_TABLE, page_number, seen)
                {
                    take(row);
                }
            }
            if matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE) {
                below.push((number(&page, header(page_number) + 8), depth + 1));
            } else {
                leaves = Some(depth);
            }
            waiting.extend(below.into_iter().rev());
        }
        (damaged, headless)
    }

    /// Rows on pages that no tree reaches, since the way to them is damaged.
    pub(crate) fn orphans(&mut self, seen: &BTreeSet<u32>, take: &mut dyn FnMut(bool, Row)) {
        let free = self.free();
        let mut met = BTreeSet::new();
        for page_number in 2..=self.size() {
            if seen.contains(&page_number) || free.contains(&page_number) {
                continue;
            }
            let Some(page) = self.page(page_number) else { continue };
            let Some(kind) = kind(&page, page_number) else { continue };
            if kind == INTERIOR_TABLE {
                continue;
            }
            for cell in cells(&page, page_number) {
                let skip = if kind == INTERIOR_INDEX { 4 } else { 0 };
                let bytes = page.get(cell + skip..).unwrap_or_default();
                if let Some(row) = self.row(bytes, kind == LEAF_TABLE, page_number, &mut met) {
                    take(kind == LEAF_TABLE, row);
                }
            }
        }
    }

    fn row(
        &mut self,
        cell: &[u8],
        table: bool,
        page: u32,
        seen: &mut BTreeSet<u32>,
    ) -> Option<Row> {
        let (length, mut at) = varint(cell)?;
        let length = usize::try_from(length).ok().filter(|n| *n <= MAX_PAYLOAD)?;
        let mut id = None;
        if table {
            let (n, bytes) = varint(cell.get(at..)?)?;
            id = Some(n.cast_signed());
            at += bytes;
        }
        let local = self.local(length, table);
        let mut payload = cell.get(at..at.checked_add(local)?)?.to_vec();
        if local < length {
            self.overflow(&mut payload, length, number(cell, at + local), seen);
        }
        Some(Row { id, record: Record::read(&payload), page })
    }

    /// How much of a payload is in the cell itself.
    fn local(&self, length: usize, table: bool) -> usize {
        let usable = self.usable();
        let most = if table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return length;
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let rest = least + (length - least) % (usable - 4);
        if rest <= most { rest } else { least }
    }

    /// Adds what is on overflow pages, up to one that is damaged.
    fn overflow(
        &mut self,
        payload: &mut Vec<u8>,
        length: usize,
        first: u32,
        seen: &mut BTreeSet<u32>,
    ) {
        let mut next = first;
        let usable = self.usable();
        while payload.len() < length && next != 0 {
            let Some(page) = self.page(next) else { return };
            seen.insert(next);
            let n = (length - payload.len()).min(usable - 4);
            payload.extend_from_slice(page.get(4..4 + n).unwrap_or_default());
            next = number(&page, 0);
        }
    }
}

/// Where the header of the tree is in a page.
fn header(number: u32) -> usize {
    if number == 1 { 100 } else { 0 }
}

/// What kind of page of a tree it is, if it is one.
fn kind(page: &[u8], number: u32) -> Option<u8> {
    let kind = *page.get(header(number))?;
    matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE | LEAF_INDEX | LEAF_TABLE).then_some(kind)
}

/// Where the cells of a page are.
fn cells(page: &[u8], page_number: u32) -> Vec<usize> {
    let start = header(page_number);
    let two = |at: usize| {
        let bytes = page.get(at..).and_then(|b| b.first_chunk());
        bytes.map_or(0, |b| usize::from(u16::from_be_bytes(*b)))
    };
    let interior = matches!(kind(page, page_number), Some(INTERIOR_INDEX | INTERIOR_TABLE));
    let first = start + if interior { 12 } else { 8 };
    let n = two(start + 3).min(page.len() / 2);
    (0..n).map(|i| two(first + 2 * i)).collect()
}
