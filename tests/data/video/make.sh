#!/bin/sh
# Makes the video fixtures in this directory with the ffmpeg command-line program.
#
# The files are committed, so that tests do not need the program; run this only to change them. It was
# written for FFmpeg 5.1. Encoders differ between versions: tests must not depend on exact bytes.
set -eu
cd "$(dirname "$0")"

ff() { ffmpeg -v error -nostdin -y -bitexact "$@"; }
x264="-c:v libx264 -preset veryslow -pix_fmt yuv420p -crf 30"

# A gray picture with a red square in its upper left corner.
corner() { echo "color=gray:s=$1:r=$2:d=$3,drawbox=x=0:y=0:w=40:h=40:color=red:t=fill"; }

# 30 frames at 30 fps.
ff -f lavfi -i testsrc2=s=160x120:r=30:d=1 $x264 -movflags +faststart plain_160x120.mp4

# Stored as 160x120 with the red square in the upper left. To be shown turned by 90 degrees to the
# right: as 120x160 with the square in the upper right. And the same for the other quarters.
ff -f lavfi -i "$(corner 160x120 10 1)" $x264 unrotated.tmp.mp4
for degrees in 90 180 270; do
    # FFmpeg 5.1 counts this in the other direction.
    ff -i unrotated.tmp.mp4 -c copy -metadata:s:v rotate=$((360 - degrees)) rotated$degrees.mp4
done

# Odd in both directions, which needs a format without subsampled chroma.
ff -f lavfi -i "color=gray:s=161x121:r=10:d=1,format=yuv444p,drawbox=w=40:h=40:color=red:t=fill" -c:v libx264 -preset veryslow -pix_fmt yuv444p -crf 30 \
    odd_161x121.mp4

# 10 frames at 0, 1, 4, 9 … 81 fortieths of a second.
ff -f lavfi -i testsrc2=s=160x120:r=10:d=1 -vf "settb=1/40,setpts=N*N" -vsync passthrough -enc_time_base 1:40 \
    $x264 -bf 0 -video_track_timescale 1000 vfr.mp4

# Sound without a picture.
ff -f lavfi -i sine=440:d=1 -c:a aac -b:a 32k audio_only.m4a

# 30 frames at 30 fps with the index in front, cut off in the middle of one.
size=$(wc -c < plain_160x120.mp4)
head -c $((size * 13 / 20)) plain_160x120.mp4 > truncated.mp4

# Two sizes in one stream: 5 frames of 160x120, then 5 of 96x64.
for size in 160x120 96x64; do
    ff -f lavfi -i testsrc2=s=$size:r=10:d=0.5 $x264 -f h264 $size.tmp.h264
done
cat 160x120.tmp.h264 96x64.tmp.h264 > two_sizes.h264

# Full range, in a codec of webcams.
ff -f lavfi -i "$(corner 160x120 10 0.3)" -c:v mjpeg -pix_fmt yuvj422p -q:v 5 mjpeg.avi

# Not a video at all.
echo 'This is not a video, although its name says so.' > text.mp4

rm -f ./*.tmp.*

# 300 frames at 30 fps in which two boxes move on a plain background.
ff -f lavfi -i "color=c=0x405060:s=160x120:r=30:d=10" -f lavfi -i "color=c=0xf0e020:s=24x24:r=30:d=10" \
    -f lavfi -i "color=c=0x20c0f0:s=16x30:r=30:d=10" -filter_complex \
    "[0][1]overlay=x='68+60*sin(t*1.3)':y='48+40*cos(t*1.7)'[a];[a][2]overlay=x='70+66*cos(t*0.9)':y='44+40*sin(t*1.1)'" \
    $x264 -crf 30 -movflags +faststart moving_300.mp4

# 90 frames at 30 fps with their numbers in them, as live receivers take it: baseline profile, a key frame a second.
# Needs the environment of the peers' client (tests/peers/install.py) as $PYTHON.
"${PYTHON:-python3}" ../../peers/make_marked_clip.py --frames 90 --size 640x160 marked.tmp.mp4
ff -i marked.tmp.mp4 -c:v libx264 -preset slow -profile:v baseline -bf 0 -g 30 -crf 34 -movflags +faststart \
    numbered_baseline.mp4
ff -i numbered_baseline.mp4 -c copy -f mpegts numbered_baseline.ts
rm -f marked.tmp.mp4
