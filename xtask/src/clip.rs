//! Video clips with something to see in them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::{Job, Output};

pub const FRAMES_PER_SECOND: u32 = 30;

/// What a clip looks like. Its frames are numbered from 1 on the wire.
pub struct Clip {
    pub width: u32,
    pub height: u32,
    pub frames: u32,
}

/// Ten seconds: boxes and discs on different paths before a softly textured background.
pub const SHAPES: Clip = Clip { width: 640, height: 480, frames: 300 };

impl Clip {
    /// Writes it as H264 in MP4.
    pub fn write(&self, path: &Path) -> Result<()> {
        // Named by codec, so that whichever H264 encoder this FFmpeg has is taken.
        let encoding = ["-c:v", "h264", "-pix_fmt", "yuv420p", "-b:v", "2M", "-g", "60"];
        finish(self.draw(MOTION).args(encoding), path)
    }

    /// Writes it with a box behind it that players pass over, so that the file has so many bytes. The file system
    /// keeps no space for them.
    pub fn write_filled(&self, path: &Path, wanted: u64) -> Result<()> {
        self.write(path)?;
        let mut file = File::options().append(true).open(path)?;
        let has = file.metadata()?.len();
        let missing = wanted.checked_sub(has).context("the clip alone is larger")?;
        // A length of 1 says that the real one, in 64 bits, follows the name.
        let header = [&1_u32.to_be_bytes()[..], b"free", &missing.to_be_bytes()].concat();
        file.write_all(&header)?;
        Ok(file.set_len(wanted)?)
    }

    /// Writes its frames as a webcam gives them: in YUYV, one behind the other, and noisy.
    pub fn write_as_a_webcam(&self, path: &Path) -> Result<()> {
        let raw = ["-f", "rawvideo", "-pix_fmt", "yuyv422"];
        finish(self.draw(&format!("{MOTION},{SENSOR_NOISE}")).args(raw), path)
    }

    fn draw(&self, motion: &str) -> Job {
        let Self { width, height, frames } = self;
        let background = format!(
            "gradients=s={width}x{height}:r={FRAMES_PER_SECOND}:nb_colors=2:speed=0.00001\
             :c0=0x38424f:c1=0x6b7a86:x0=0:y0=0:x1={width}:y1={height}"
        );
        let inputs = [
            background,
            square("red", 90, 60),
            square("gold", 50, 80),
            disc("cyan", 70),
            disc("magenta", 44),
        ];
        let mut job = Job::new("ffmpeg").args(["-nostdin", "-loglevel", "error", "-y"]);
        for input in inputs {
            job = job.args(["-f", "lavfi", "-i", &input]);
        }
        job.args(["-filter_complex", motion, "-frames:v", &frames.to_string()])
    }
}

fn finish(drawing: Job, path: &Path) -> Result<()> {
    drawing.arg(path).output(Output::Capture).run_successfully().map(drop)
}

/// The texture stands still, so that a motion detector finds the shapes alone.
const MOTION: &str = "\
    [0]noise=alls=8[textured];\
    [textured][1]overlay=x='abs(mod(110*t,2*(W-w))-(W-w))':y='H/7'[one];\
    [one][2]overlay=x='W/2+W/4*sin(1.3*t)':y='H/2+H/4*cos(0.9*t)'[two];\
    [two][3]overlay=x='abs(mod(170*t+300,2*(W-w))-(W-w))':y='2*H/3+H/10*sin(2*t)'[three];\
    [three][4]overlay=x='W/8':y='abs(mod(90*t,2*(H-h))-(H-h))'";

/// Another in every frame, as that of a camera.
const SENSOR_NOISE: &str = "noise=alls=6:allf=t";

fn square(color: &str, width: u32, height: u32) -> String {
    format!("color=c={color}:s={width}x{height}:r={FRAMES_PER_SECOND}")
}

fn disc(color: &str, size: u32) -> String {
    format!(
        "color=c={color}:s={size}x{size}:r={FRAMES_PER_SECOND},format=yuva420p,\
         geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='255*lt(hypot(X-W/2,Y-H/2),W/2)'"
    )
}
