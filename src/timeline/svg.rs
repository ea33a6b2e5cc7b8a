//! An SVG document under construction: elements, escaped text, and the one style sheet.

use std::fmt::Write;

use crate::value::escape_xml;

/// The width of the picture in its own units; the height depends on the content.
pub(super) const WIDTH: f64 = 1000.0;

/// Colours for light and dark backgrounds: eight for messages (neighbours differ in hue and brightness, also for most
/// colour-blind eyes), and text that follows the preference of the reader.
const STYLE: &str = "\
:root{color-scheme:light dark;max-width:100%;height:auto}
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#24292f}
.paper{fill:#fff}.title{font-size:20px;font-weight:600}.head{font-size:15px;font-weight:600}.dim{fill:#59636e}
.code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}
.small{font-size:11px;fill:#59636e}.end{text-anchor:end}.mid{text-anchor:middle}.word{font-size:11px;font-style:italic;fill:#59636e}
.lane{fill:#eef1f4}.rule{stroke:#8b949e;stroke-width:1}.tick{stroke:#8b949e;stroke-width:1;stroke-opacity:.35}
.zig{fill:none;stroke:#8b949e;stroke-width:1.4}.wait{stroke:#8b949e;stroke-width:1.4;stroke-dasharray:1.5 3}
.sign{stroke:#cf222e;stroke-width:1.6;stroke-dasharray:4 2}
.signal{font-size:11px;font-weight:600;fill:#b3202b}.yes{fill:#2da44e}.no{fill:none;stroke:#d4760a;stroke-width:1.6}
.halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}.word.halo{stroke:#eef1f4}
.life{stroke:#8b949e;stroke-width:2}.sign-fill{fill:#b3202b}.edge{fill:none;stroke:#10151b;stroke-width:1}.flow{fill-opacity:.42}.span{fill-opacity:.5}.m{fill:#9aa7b4}
.m0{fill:#5b9bd8}.m1{fill:#eda43b}.m2{fill:#45b58d}.m3{fill:#dd86b3}.m4{fill:#a98fe0}.m5{fill:#b5b83a}.m6{fill:#e8805c}.m7{fill:#55bccb}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.dim,.small,.word{fill:#9aa4ae}.signal{fill:#ff8d85}
.halo{stroke:#0d1117}.word.halo{stroke:#191f27}
.sign{stroke:#ff7b72}.sign-fill{fill:#ff8d85}.edge{stroke:#fff}.lane{fill:#191f27}.rule{stroke:#6e7681}.flow{fill-opacity:.5}}
";

/// The size of the characters of a class of text.
fn font_size(class: &str) -> f64 {
    match class.split(' ').next().unwrap_or_default() {
        "title" => 20.0,
        "head" => 15.0,
        "code" => 12.0,
        "small" | "word" | "signal" => 11.0,
        _ => 13.0,
    }
}

/// The width that a text takes at most with the fonts of the style sheet.
pub(super) fn text_width(class: &str, text: &str) -> f64 {
    let is_bold = ["title", "head", "signal"].iter().any(|bold| class.starts_with(bold));
    let share = |c: char| match c {
        // The widths of DejaVu Sans, which is wider than the other fonts.
        _ if !c.is_ascii() => 1.05,
        _ if class.starts_with("code") => 0.61,
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '!' => 0.36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' | '"' => 0.46,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '+' | '=' | '<' | '>' | '#' => 0.99,
        'A'..='Z' => 0.79,
        _ => 0.65,
    };
    let width: f64 = text.chars().map(share).sum();
    width * font_size(class) * if is_bold { 1.1 } else { 1.0 }
}

/// As much of a text as `width` has room for, with dots in the place of the rest.
pub(super) fn clip(class: &str, text: &str, width: f64) -> String {
    if text_width(class, text) <= width {
        return text.to_owned();
    }
    let mut room = width - text_width(class, "\u{2026}");
    let mut buffer = [0; 4];
    let fits = |c: &char| {
        room -= text_width(class, c.encode_utf8(&mut buffer));
        room >= 0.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{kept}\u{2026}")
}

/// A document that grows from top to bottom.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
}

impl Svg {
    /// Draws a box; `about` is its tooltip.
    pub(super) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], about: &str) {
        self.element("rect", class, &[("x", x), ("y", y), ("width", width), ("height", height)], about);
    }

    /// Draws a box in a colour without a class.
    pub(super) fn bar(&mut self, fill: &str, [x, y, width, height]: [f64; 4], about: &str) {
        self.open("rect", &[("x", x), ("y", y), ("width", width), ("height", height)]);
        let _ = write!(self.body, " fill=\"{fill}\"");
        self.close("rect", about);
    }

    /// Draws a line.
    pub(super) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4], about: &str) {
        self.element("line", class, &[("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)], about);
    }

    /// Draws a dot.
    pub(super) fn dot(&mut self, class: &str, [x, y, radius]: [f64; 3], about: &str) {
        self.element("circle", class, &[("cx", x), ("cy", y), ("r", radius)], about);
    }

    /// Draws a line in the colour of a class of marks.
    pub(super) fn stroke(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4], about: &str) {
        // A class of marks has a fill only: a line is drawn as a thin area.
        let (dx, dy) = (x2 - x1, y2 - y1);
        let length = dx.hypot(dy).max(1.0);
        let (nx, ny) = (-dy / length, dx / length);
        let _ = write!(self.body, "<path class=\"{class}\"");
        self.points(&[(x1 + nx, y1 + ny), (x2 + nx, y2 + ny), (x2 - nx, y2 - ny), (x1 - nx, y1 - ny)], about);
    }

    /// Draws lines from point to point.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<path class=\"{class}\"");
        self.points(points, "");
    }

    /// Fills the area between four points, in a colour without a class.
    pub(super) fn band(&mut self, class: &str, fill: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<path class=\"{class}\" fill=\"{fill}\"");
        self.points(points, "");
    }

    fn points(&mut self, points: &[(f64, f64)], about: &str) {
        self.body.push_str(" d=\"");
        for (at, (x, y)) in points.iter().enumerate() {
            let _ = write!(self.body, "{}{} {}", if at == 0 { 'M' } else { 'L' }, number(*x), number(*y));
        }
        self.body.push('"');
        self.close("path", about);
    }

    /// Draws a line of text with its base line at `y`. The text is escaped.
    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.open("text", &[("x", x), ("y", y)]);
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = writeln!(self.body, "{class}>{}</text>", escape_xml(text));
    }

    /// The complete document, `height` units high; `label` describes it for screen readers.
    pub(super) fn finish(self, height: f64, label: &str) -> String {
        let (width, height, label) = (number(WIDTH), number(height), escape_xml(label));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n\
             <style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{}</svg>\n",
            self.body
        )
    }

    /// Draws a line of text in at most this width.
    pub(super) fn clipped(&mut self, class: &str, x: f64, y: f64, text: &str, width: f64) {
        self.text(class, x, y, &clip(class, text, width));
    }

    /// Appends the elements of another document, above these.
    pub(super) fn append(&mut self, other: &Svg) {
        self.body.push_str(&other.body);
    }

    fn element(&mut self, name: &str, class: &str, attributes: &[(&str, f64)], about: &str) {
        self.open(name, attributes);
        let _ = write!(self.body, " class=\"{class}\"");
        self.close(name, about);
    }

    fn open(&mut self, name: &str, attributes: &[(&str, f64)]) {
        let _ = write!(self.body, "<{name}");
        for (attribute, value) in attributes {
            let _ = write!(self.body, " {attribute}=\"{}\"", number(*value));
        }
    }

    fn close(&mut self, name: &str, about: &str) {
        if about.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></{name}>", escape_xml(about));
        }
    }
}

/// A coordinate to a tenth of a unit.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped() {
        let mut svg = Svg::default();
        svg.text("", 1.0, 2.25, "</text><script>\"&\u{0}\u{ffff}");
        svg.rect("m", [0.0, 0.0, 1.0, 1.0], "<title>");
        let text = svg.finish(10.0, "a \"b\"");
        assert!(
            text.contains("<text x=\"1\" y=\"2.2\">&lt;/text&gt;&lt;script&gt;&quot;&amp;\u{fffd}\u{fffd}</text>\n"),
            "{text}"
        );
        assert!(text.contains("><title>&lt;title&gt;</title></rect>"), "{text}");
        assert!(text.contains("aria-label=\"a &quot;b&quot;\""), "{text}");
    }
}
