//! The picture: quantised accuracy against bytes, drawn by the same code for SVG and PNG.

use std::convert::Infallible;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingErrorKind};

use super::table::{Point, Spread};

const SIZE: (u32, u32) = (900, 560);
const FONT: (&str, i32) = ("monospace", 14);
const VALIDATION: RGBColor = RGBColor(30, 90, 160);
const TEST: RGBColor = RGBColor(200, 90, 20);

/// Writes `frontier.svg` and `frontier.png`.
///
/// # Errors
/// If a file cannot be written.
pub fn write(folder: &Path, corpus: &str, points: &[Point<'_>]) -> Result<()> {
    let svg = svg(corpus, points)?;
    crate::files::write(&folder.join("frontier.svg"), svg.as_bytes())?;
    crate::files::write(&folder.join("frontier.png"), &png(corpus, points)?)
}

fn svg(corpus: &str, points: &[Point<'_>]) -> Result<String> {
    let mut text = String::new();
    draw(SVGBackend::with_string(&mut text, SIZE), corpus, points).context("cannot draw frontier.svg")?;
    Ok(text)
}

fn png(corpus: &str, points: &[Point<'_>]) -> Result<Vec<u8>> {
    let mut rgb = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    draw(Pixels { rgb: &mut rgb }, corpus, points).context("cannot draw frontier.png")?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().context("cannot encode frontier.png")?;
    writer.write_image_data(&rgb).context("cannot encode frontier.png")?;
    writer.finish().context("cannot encode frontier.png")?;
    Ok(bytes)
}

/// Marks and their style.
struct Series {
    name: &'static str,
    color: RGBColor,
    /// Doublings of 1 KiB, and accuracy in %.
    marks: Vec<(f64, Spread)>,
}

fn series(points: &[Point<'_>]) -> [Series; 2] {
    let scale = |spread: Spread| Spread {
        mean: spread.mean * 100.0,
        deviation: spread.deviation.map(|deviation| deviation * 100.0),
    };
    let marks = |of: fn(&Point<'_>) -> Option<Spread>| {
        points.iter().filter_map(|point| Some((doublings(point.bytes), scale(of(point)?)))).collect()
    };
    [
        Series { name: "validation", color: VALIDATION, marks: marks(|point| Some(point.quantised_valid)) },
        Series { name: "test", color: TEST, marks: marks(|point| point.quantised_test) },
    ]
}

/// How many doublings of 1 KiB make `bytes`.
fn doublings(bytes: f64) -> f64 {
    (bytes.max(1.0) / 1024.0).log2()
}

/// An axis of doublings, with a label for each whole one.
struct Doublings(Range<f64>);

impl Ranged for Doublings {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.0.start) / (self.0.end - self.0.start);
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        (self.0.start.ceil() as i32..=self.0.end.floor() as i32).map(f64::from).collect()
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

fn draw<B: DrawingBackend>(backend: B, corpus: &str, points: &[Point<'_>]) -> Result<()>
where
    B::ErrorType: 'static,
{
    let series = series(points);
    let marks = || series.iter().flat_map(|series| &series.marks);
    let (mut left, mut right, mut low, mut high) = (f64::MAX, f64::MIN, f64::MAX, f64::MIN);
    for (x, Spread { mean, deviation }) in marks() {
        (left, right) = (left.min(*x), right.max(*x));
        let deviation = deviation.unwrap_or(0.0);
        (low, high) = (low.min(mean - deviation), high.max(mean + deviation));
    }
    let margin = ((high - low) * 0.15).max(0.5);
    let (left, right) = ((left - 0.3).floor(), (right + 0.3).ceil());
    let root = backend.into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption(format!("{corpus}: accuracy of the quantised model against its bytes"), FONT)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(Doublings(left..right), low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .label_style(FONT)
        .axis_desc_style(FONT)
        .x_desc("blob, KiB (each step doubles)")
        .y_desc("quantised accuracy, %")
        .x_label_formatter(&|doublings| format!("{}", doublings.exp2()))
        .y_label_formatter(&|percent| format!("{percent:.1}"))
        .draw()?;
    for Series { name, color, marks } in &series {
        if marks.is_empty() {
            continue;
        }
        let line = LineSeries::new(marks.iter().map(|(x, spread)| (*x, spread.mean)), color);
        chart
            .draw_series(line)?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        let bars = marks.iter().filter_map(|(x, spread)| {
            let deviation = spread.deviation?;
            let ends = [(*x, spread.mean - deviation), (*x, spread.mean + deviation)];
            Some(PathElement::new(ends, color.stroke_width(2)))
        });
        chart.draw_series(bars)?;
        chart.draw_series(marks.iter().map(|(x, at)| Circle::new((*x, at.mean), 4, color.filled())))?;
    }
    let style = TextStyle::from(FONT).pos(Pos::new(HPos::Left, VPos::Top));
    chart.draw_series(points.iter().zip(&series[0].marks).map(|(point, (x, at))| {
        EmptyElement::at((*x, at.mean)) + Text::new(point.preset.clone(), (8, 6), style.clone())
    }))?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(RGBColor(160, 160, 160))
        .background_style(WHITE)
        .label_font(FONT)
        .draw()?;
    root.present()?;
    drop(chart);
    Ok(())
}

/// A picture in RGB, with one font size.
struct Pixels<'p> {
    rgb: &'p mut [u8],
}

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;

impl DrawingBackend for Pixels<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        SIZE
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_pixel(
        &mut self,
        (x, y): BackendCoord,
        color: BackendColor,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let (width, height) = (SIZE.0 as i32, SIZE.1 as i32);
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let at = (y * width + x) as usize * 3;
            let (red, green, blue) = color.rgb;
            for (own, new) in self.rgb[at..at + 3].iter_mut().zip([red, green, blue]) {
                let (old, new) = (f64::from(*own), f64::from(new));
                *own = (old + (new - old) * color.alpha).round() as u8;
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (left, top): BackendCoord,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let (width, height) = self.estimate_text_size(text, style)?;
        let (anchor, color, turn) = (style.anchor(), style.color(), style.transform());
        let start = match anchor.h_pos {
            HPos::Left => 0,
            HPos::Right => -(width as i32),
            HPos::Center => -(width as i32) / 2,
        };
        let above = match anchor.v_pos {
            VPos::Top => 0,
            VPos::Center => -(height as i32) / 2,
            VPos::Bottom => -(height as i32),
        };
        for (at, letter) in text.chars().enumerate() {
            let Some(raster) = get_raster(letter, WEIGHT, HEIGHT).or_else(|| get_raster('?', WEIGHT, HEIGHT))
            else {
                continue;
            };
            for (index, &ink) in raster.pixels().iter().enumerate() {
                let (x, y) = (index % raster.width() + at * raster.width(), index / raster.width());
                let (x, y) = turn.transform(x as i32 + start, y as i32 + above);
                let alpha = color.alpha * f64::from(ink) / 255.0;
                self.draw_pixel((left + x, top + y), BackendColor { alpha, ..color })?;
            }
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let width = text.chars().count() * get_raster_width(WEIGHT, HEIGHT);
        Ok((width as u32, HEIGHT.val() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(preset: &str, bytes: f64, valid: f64, deviation: Option<f64>) -> Point<'static> {
        let spread = |mean| Spread { mean, deviation };
        Point {
            preset: preset.to_owned(),
            bytes,
            float_valid: spread(valid),
            float_test: None,
            quantised_valid: spread(valid),
            quantised_test: Some(spread(valid - 0.01)),
            agreement: spread(0.99),
            instructions_per_word: [1.0, 1.0],
            runs: &[],
        }
    }

    /// Both marks of a preset have their colour, the larger model stands right of the smaller.
    #[test]
    fn a_picture_shows_every_point() {
        let points = [
            point("nano", 15_000.0, 0.88, Some(0.002)),
            point("base", 170_000.0, 0.91, Some(0.001)),
            point("large", 1_000_000.0, 0.925, None),
        ];
        let text = svg("reviews", &points).expect("drawn");
        assert!(text.trim_end().ends_with("</svg>"));
        for name in ["nano", "base", "large", "validation", "test", "reviews"] {
            assert!(text.contains(name), "{name}");
        }
        let circles = text.matches("<circle").count();
        assert_eq!(circles, 6, "three presets on two splits");
        let bytes = png("reviews", &points).expect("drawn");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a picture");
        let mut rgb = vec![0; reader.output_buffer_size().expect("small")];
        reader.next_frame(&mut rgb).expect("whole");
        for color in [VALIDATION, TEST] {
            let own = rgb.chunks_exact(3).filter(|rgb| **rgb == [color.0, color.1, color.2]).count();
            assert!(own > 3 * 30, "{own} pixels of three marks and their line");
        }
        assert!(svg("reviews", &points[2..]).is_ok(), "one point has room, too");
    }
}
