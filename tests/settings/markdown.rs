//! Reads the tables and the code of a Markdown file.

/// A row of a table, below the heading that it stands under.
#[derive(Debug)]
pub struct Row {
    /// The code in the heading, or its text where it has none.
    pub heading: String,
    pub cells: Vec<String>,
}

/// A block of code and the comment `<!-- … -->` on the line before it, if there is one.
#[derive(Debug)]
pub struct Code {
    pub language: String,
    pub about: String,
    pub text: String,
}

/// The rows of all tables, without their headers.
pub fn rows(markdown: &str) -> Vec<Row> {
    let mut heading = String::new();
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in without_code(markdown) {
        if let Some(title) = line.strip_prefix('#') {
            let title = title.trim_start_matches('#').trim();
            heading = code_in(title).unwrap_or(title).to_owned();
        }
        let Some(row) = line.strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let cells = cells(row);
        if cells
            .iter()
            .all(|cell| cell.trim_matches(['-', ':']).is_empty())
        {
            in_table = true;
        } else if in_table {
            let heading = heading.clone();
            rows.push(Row { heading, cells });
        }
    }
    rows
}

/// The first code in `text`. Code with a backtick in it stands in two, and a blank on either side.
pub fn code_in(text: &str) -> Option<&str> {
    let start = &text[text.find('`')?..];
    let fence = if start.starts_with("``") { "``" } else { "`" };
    let (code, _) = start.strip_prefix(fence)?.split_once(fence)?;
    let padded = code
        .strip_prefix(' ')
        .and_then(|code| code.strip_suffix(' '));
    Some(padded.unwrap_or(code))
}

/// A `|` inside of a cell is written `\|`.
fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{0}");
    row.trim_end()
        .trim_end_matches('|')
        .split('|')
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

fn without_code(markdown: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    markdown.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        inside ^= is_fence;
        !inside && !is_fence
    })
}

/// The blocks of code.
pub fn code(markdown: &str) -> Vec<Code> {
    let mut blocks: Vec<Code> = Vec::new();
    let mut about = "";
    let mut inside = false;
    for line in markdown.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push(Code {
                    language: language.to_owned(),
                    about: about.to_owned(),
                    text: String::new(),
                });
            }
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
        about = line
            .strip_prefix("<!-- ")
            .and_then(|line| line.strip_suffix(" -->"))
            .unwrap_or_default();
    }
    assert!(!inside, "a block of code is not closed");
    blocks
}
