/*
 * What is used of libvpx, behind functions and structures that are the same for every version of it.
 *
 * The layouts of libvpx's own structures, and the numbers by which it checks that a program knows them,
 * change from one version to the next. Here its headers are read by the C compiler, which needs no
 * generated bindings, and so neither bindings made for some versions only nor libclang.
 *
 * `shim.rs` declares the same. The number in the names changes when a declaration does: two versions of
 * this package can be in one program.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#define NAMED(function) streamsdk_vpx1_##function

struct settings {
    uint32_t width;
    uint32_t height;
    uint32_t threads;
    uint32_t ticks_per_second;
    uint32_t bitrate_kbit;
    uint32_t min_quantizer;
    uint32_t max_quantizer;
    uint32_t undershoot_percent;
    uint32_t overshoot_percent;
    uint32_t buffer_ms;
    uint32_t buffer_initial_ms;
    uint32_t buffer_optimal_ms;
    uint32_t drop_frames_below_percent;
};

struct packet {
    const uint8_t *data;
    size_t length;
    int key_frame;
};

struct picture {
    const uint8_t *planes[3];
    int strides[3];
    uint32_t width;
    uint32_t height;
};

enum found { NOTHING = 0, ONE = 1, ANOTHER_FORMAT = 2 };

static void apply(const struct settings *settings, vpx_codec_enc_cfg_t *config) {
    config->g_w = settings->width;
    config->g_h = settings->height;
    config->g_threads = settings->threads;
    config->g_timebase.num = 1;
    config->g_timebase.den = (int)settings->ticks_per_second;
    config->g_pass = VPX_RC_ONE_PASS;
    config->g_lag_in_frames = 0;
    config->g_error_resilient = 0;
    config->kf_mode = VPX_KF_DISABLED;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = settings->bitrate_kbit;
    config->rc_min_quantizer = settings->min_quantizer;
    config->rc_max_quantizer = settings->max_quantizer;
    config->rc_undershoot_pct = settings->undershoot_percent;
    config->rc_overshoot_pct = settings->overshoot_percent;
    config->rc_buf_sz = settings->buffer_ms;
    config->rc_buf_initial_sz = settings->buffer_initial_ms;
    config->rc_buf_optimal_sz = settings->buffer_optimal_ms;
    config->rc_dropframe_thresh = settings->drop_frames_below_percent;
}

/* A codec that is to be opened; null if there is no memory. */
vpx_codec_ctx_t *NAMED(create)(void) { return calloc(1, sizeof(vpx_codec_ctx_t)); }

/* Also for one that was never opened, or could not be: libvpx then finds nothing to destroy. */
void NAMED(close)(vpx_codec_ctx_t *codec) {
    vpx_codec_destroy(codec);
    free(codec);
}

/* What a result other than 0 means. */
const char *NAMED(reason)(int result) { return vpx_codec_err_to_string((vpx_codec_err_t)result); }

/* More about the last failure; null if there is no more. */
const char *NAMED(detail)(vpx_codec_ctx_t *codec) { return vpx_codec_error_detail(codec); }

int NAMED(open_encoder)(vpx_codec_ctx_t *codec, const struct settings *settings) {
    vpx_codec_enc_cfg_t config;
    vpx_codec_err_t result = vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0);
    if (result != VPX_CODEC_OK) return result;
    apply(settings, &config);
    return vpx_codec_enc_init(codec, vpx_codec_vp8_cx(), &config, 0);
}

int NAMED(configure)(vpx_codec_ctx_t *codec, const struct settings *settings) {
    vpx_codec_enc_cfg_t config;
    vpx_codec_err_t result = vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0);
    if (result != VPX_CODEC_OK) return result;
    apply(settings, &config);
    return vpx_codec_enc_config_set(codec, &config);
}

int NAMED(set_speed)(vpx_codec_ctx_t *codec, int cpu_used, unsigned int static_threshold) {
    vpx_codec_err_t result = vpx_codec_control(codec, VP8E_SET_CPUUSED, cpu_used);
    if (result != VPX_CODEC_OK) return result;
    return vpx_codec_control(codec, VP8E_SET_STATIC_THRESHOLD, static_threshold);
}

int NAMED(limit_key_frames)(vpx_codec_ctx_t *codec, unsigned int percent) {
    return vpx_codec_control(codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, percent);
}

/* The picture is in I420, of the size that the encoder was opened for; it is only read. */
int NAMED(encode)(vpx_codec_ctx_t *codec, const struct picture *picture, int64_t start, uint32_t ticks,
                  int key_frame) {
    vpx_image_t image;
    unsigned char *luma = (unsigned char *)picture->planes[0];
    if (!vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture->width, picture->height, 1, luma)) {
        return VPX_CODEC_INVALID_PARAM;
    }
    for (int plane = 0; plane < 3; plane++) {
        image.planes[plane] = (unsigned char *)picture->planes[plane];
        image.stride[plane] = picture->strides[plane];
    }
    vpx_enc_frame_flags_t flags = key_frame ? VPX_EFLAG_FORCE_KF : 0;
    return vpx_codec_encode(codec, &image, start, ticks, flags, VPX_DL_REALTIME);
}

/* The frame that the last call of `encode` made: ONE or NOTHING. It stays until the next call. */
int NAMED(take_packet)(vpx_codec_ctx_t *codec, struct packet *packet) {
    vpx_codec_iter_t position = NULL;
    const vpx_codec_cx_pkt_t *made;
    while ((made = vpx_codec_get_cx_data(codec, &position))) {
        if (made->kind != VPX_CODEC_CX_FRAME_PKT) continue;
        packet->data = made->data.frame.buf;
        packet->length = made->data.frame.sz;
        packet->key_frame = (made->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        return ONE;
    }
    return NOTHING;
}

int NAMED(open_decoder)(vpx_codec_ctx_t *codec) {
    vpx_codec_dec_cfg_t config = {.threads = 1, .w = 0, .h = 0};
    return vpx_codec_dec_init(codec, vpx_codec_vp8_dx(), &config, 0);
}

/* Says in `corrupt` whether parts of the picture are missing. */
int NAMED(decode)(vpx_codec_ctx_t *codec, const uint8_t *data, uint32_t length, int *corrupt) {
    const long no_deadline = 0;
    vpx_codec_err_t result = vpx_codec_decode(codec, data, length, NULL, no_deadline);
    if (result != VPX_CODEC_OK) return result;
    return vpx_codec_control(codec, VP8D_GET_FRAME_CORRUPTED, corrupt);
}

/* The picture that is to be shown after the last call of `decode`. It stays until the next call. */
int NAMED(take_picture)(vpx_codec_ctx_t *codec, struct picture *picture) {
    vpx_codec_iter_t position = NULL;
    const vpx_image_t *image = vpx_codec_get_frame(codec, &position);
    if (!image) return NOTHING;
    if (image->fmt != VPX_IMG_FMT_I420) return ANOTHER_FORMAT;
    for (int plane = 0; plane < 3; plane++) {
        picture->planes[plane] = image->planes[plane];
        picture->strides[plane] = image->stride[plane];
    }
    picture->width = image->d_w;
    picture->height = image->d_h;
    return ONE;
}
