"""Which `ffmpeg_args` a run does without asking: options of encoders, with values that name no file.

A policy is often somebody else's, and ffmpeg does what its arguments say: write further outputs, read and
write files, open the network. So this is a list of what is allowed, for ffmpeg and for the encoders' own
languages (`x265-params`), some words of which name files too; what is not known here is refused. Two passes
(`pass1`, `stats`) are vpo's own business: they write files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

WAY_OUT = "`[safety] trust_ffmpeg_args = true` in your configuration allows it"

_Check = Callable[[str], str | None]
"""Says why a value is refused; None: it is not."""

_OPTION = re.compile(r"-([A-Za-z0-9][\w-]*)(?::[vas]?(?::?\d+)?)?")
_VALUE = re.compile(r"[\w.,:+()* =~-]*")  # no slash: no path; no quotes and escapes: nothing is hidden
_RATIO = re.compile(r"\d+/\d+")
_ENABLES = re.compile(r"enable-[a-z0-9-]+")


def find_unsafe(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the place of each word that a run refuses, and why."""
    place = 0
    while place < len(words):
        option = _OPTION.fullmatch(words[place])
        check = None if option is None else _check_of(option[1])
        if check is None:
            yield place, _not_allowed(words[place])
            place += 1
            if words[place - 1].startswith("-") and place < len(words) and not words[place].startswith("-"):
                place += 1  # its value is no second mistake
            continue
        if place + 1 == len(words):
            yield place, f"{words[place]} stands without a value"
        elif (why := check(words[place + 1])) is not None:
            yield place + 1, f"{words[place]} {why}"
        place += 2


def _check_of(name: str) -> _Check | None:
    return _plain if _ENABLES.fullmatch(name) else _ALLOWED.get(name)


def _not_allowed(word: str) -> str:
    what = "is no encoder option that vpo knows" if word.startswith("-") else "is no option, but an output"
    return f"{_shown(word)} {what}"


def _shown(word: str) -> str:
    return repr(word if len(word) <= 60 else f"{word[:57]}…")


def _plain(value: str) -> str | None:
    if _VALUE.fullmatch(value) or _RATIO.fullmatch(value):
        return None
    return f"does not take {_shown(value)}: a value of letters, digits and signs, without / and quotes"


def _flags(value: str) -> str | None:
    if "pass" in value.lower():
        return f"does not take {_shown(value)}: passes write files; say two_pass"
    return _plain(value)


def _parameters(names: frozenset[str]) -> _Check:
    """Return the check of `name=value:name=value`, as x264, x265, SVT-AV1 and libaom take it."""

    def check(value: str) -> str | None:
        for part in value.split(":"):
            name, _, given = part.partition("=")
            # the encoders take `_` for `-`, and `no-…` for the opposite
            word = name.strip().lower().replace("_", "-").removeprefix("no-")
            if name and word not in names and not _ENABLES.fullmatch(word):
                return f"does not take {_shown(name)}, which vpo does not know to be safe"
            if not _VALUE.fullmatch(given):
                return f"does not take {_shown(part)}: a value without / and quotes"
        return None

    return check


_FILTER = re.compile(r"([a-z][a-z0-9_]*)(?:=(.*))?")
_FILTER_VALUE = re.compile(r"[\w.+()*/ =:~-]*")
# since FFmpeg 7 `scale=/w=file` takes a value from a file
_FROM_FILE = re.compile(r"(?:^|[:=])\s*/")


def _filters(value: str) -> str | None:
    """Check a chain of filters, which are all simple: no labels, no quotes."""
    for part in value.split(","):
        found = _FILTER.fullmatch(part.strip())
        if found is None or found[1] not in _FILTERS:
            return f"does not take the filter {_shown(part)}, which vpo does not know to be safe"
        given = found[2] or ""
        if not _FILTER_VALUE.fullmatch(given) or _FROM_FILE.search(given):
            return f"does not take {_shown(part)}: values without quotes, and none from a file"
    return None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILTERS = _words("""
    atadenoise avgblur bilateral blackdetect bm3d boxblur bwdif cas chromanr colorbalance colorchannelmixer
    colorlevels colormatrix colorspace colortemperature convolution crop dctdnoiz deband deblock decimate
    dedot deflicker dejudder delogo eq estdif exposure fftdnoiz field fieldmatch fieldorder format fps gblur
    gradfun grayworld greyedge hflip histeq hqdn3d hue hwdownload hwupload idet il kerndeint limiter median
    mpdecimate nlmeans noformat noise normalize null owdenoise pad pp pp7 pullup removegrain rotate sab
    scale separatefields setdar setfield setparams setrange setsar shuffleplanes smartblur spp super2xsai
    swapuv telecine tinterlace tonemap transpose unsharp untile vaguedenoiser vflip vibrance w3fdif weave
    xbr yadif yaepblur zscale
""")

_X264 = _words("""
    8x8dct alternative-transfer analyse aq-mode aq-strength aud b-adapt b-bias b-pyramid bff bframes bitrate
    bluray-compat cabac chroma-me chroma-qp-offset chromaloc cll colormatrix colorprim constrained-intra
    cplxblur crf crf-max dct-decimate deadzone-inter deadzone-intra deblock direct direct-pred
    fake-interlaced fast-pskip filler frame-packing fullrange interlaced intra-refresh ipratio keyint
    keyint-min level lookahead-threads mastering-display mbtree me me-range merange min-keyint mixed-refs
    mvrange mvrange-thread nal-hrd nr open-gop overscan partitions pbratio pic-struct psy psy-rd qblur qcomp
    qp qpmax qpmin qpstep range ratetol rc-lookahead ref scenecut slice-max-mbs slice-max-size slice-min-mbs
    sliced-threads slices slices-max stitchable subme subq sync-lookahead tff threads transfer trellis
    vbv-bufsize vbv-init vbv-maxrate videoformat weightb weightp weight-b
""")
_X265 = _words("""
    amp annexb aq-bias-strength aq-mode aq-motion aq-strength asm atc-sei aud auto-aq b-adapt b-intra
    b-pyramid bframe-bias bframes bitrate cbqpoffs chromaloc cip cll colormatrix colorprim const-vbv
    constrained-intra copy-pic cplxblur crf crf-max crf-min crqpoffs ctu cu-lossless cu-stats cutree deblock
    dhdr10-opt display-window dynamic-rd dynamic-refine early-skip eob eos fades fast-intra field frame-dup
    frame-threads gop-lookahead hash hdr hdr10 hdr10-opt hevc-aq high-tier hist-scenecut hme hrd hrd-concat
    idr-recovery-sei info interlace intra-refresh ipratio keyint level level-idc limit-modes limit-refs
    limit-sao limit-tu log-level lookahead-slices lookahead-threads lossless lowpass-dct master-display
    max-ausize-factor max-cll max-luma max-merge max-qp-delta max-tu-size mcstf me merange min-cu-size
    min-keyint min-luma nr-inter nr-intra numa-pools open-gop opt-cu-delta-qp opt-qp-pps
    opt-ref-list-length-pps overscan pbratio pic-struct pme pmode pools profile psy-rd psy-rdoq qblur qcomp
    qg-size qp qpmax qpmin qpstep radl range rc-grain rc-lookahead rd rd-refine rdoq rdoq-level rdpenalty
    rect ref repeat-headers rskip rskip-edge-threshold sao sao-non-deblock sar scenecut scenecut-aware-qp
    scenecut-bias selective-sao signhide single-sei slices splitrd-skip ssim-rd strict-cbr
    strong-intra-smoothing subme temporal-layers temporal-mvp tier transfer tskip tskip-fast tu-inter-depth
    tu-intra-depth tune uhd-bd vbv-bufsize vbv-end vbv-init vbv-live-multi-pass vbv-maxrate videoformat
    vui-hrd-info vui-timing-info weightb weightp wpp
""")
_SVT_AV1 = _words("""
    ac-bias adaptive-film-grain aq-mode buf-initial-sz buf-optimal-sz buf-sz chroma-qm-max chroma-qm-min
    chroma-sample-position color-primaries color-range content-light crf fast-decode film-grain
    film-grain-denoise frame-luma-bias gop-constraint-rc hierarchical-levels irefresh-type keyint
    kf-tf-strength lookahead lossless lp luminance-qp-bias mastering-display matrix-coefficients max-qp
    max-tx-size mbr min-qp noise-norm-strength overshoot-pct pin pred-struct preset profile psy-rd qm-max
    qm-min qp rc scd scm sharp-tx sharpness startup-mg-size superres-mode tbr tf-strength tile-columns
    tile-rows transfer-characteristics tune undershoot-pct variance-boost-curve variance-boost-strength
    variance-octile
""")
_AOM = _words("""
    aq-mode arnr-maxframes arnr-strength auto-alt-ref cdf-update-mode chroma-subsampling-x color-primaries
    cq-level deltaq-mode deltaq-strength denoise-block-size denoise-noise-level disable-trellis-quant
    film-grain-test frame-parallel gf-max-pyr-height gf-min-pyr-height lag-in-frames loopfilter-control
    max-gf-interval max-partition-size max-reference-frames min-gf-interval min-partition-size
    mode-cost-upd-freq matrix-coefficients qm-max qm-min quant-b-adapt reduced-tx-type-set row-mt sb-size
    sharpness tile-columns tile-rows transfer-characteristics tune tune-content
""")

_OPTIONS = _words("""
    8x8dct a53cc allow_sw alt-ref-frames application aq-mode aq-strength aq_mode arnr-max-frames
    arnr-maxframes arnr-strength arnr-type arnr_max_frames arnr_strength arnr_type aspect async_depth aud
    auto-alt-ref avoid_negative_ts b b-bias b-pyramid b_adapt b_depth b_qfactor b_qoffset b_ref_mode
    b_strategy bf bidir_refine bits_per_raw_sample blbrc bluray-compat bt bufsize chroma-qp-offset
    chroma_sample_location chromaoffset cmp coder color_primaries color_range color_trc colorspace
    compression_level constant_bit_rate corpus-complexity cplxblur cpu-used cq crf crf_max cutoff deadline
    deblock denoise-block-size denoise-noise-level dia_size direct-pred dpb_size drop-threshold err_detect
    error-resilience error-resilient extbrc fast-pskip field_order flags2 force_key_frames forced-idr
    forced_idr frame-parallel frame_duration g global_quality gpu hielevel highbitdepth i_qfactor i_qoffset
    idr_interval init_qpB init_qpI init_qpP intra-refresh keyint_min la_depth lag-in-frames ldkfs level
    look_ahead look_ahead_depth look_ahead_downsampling lookahead_level loop_max lossless low_delay_brc
    low_power max-intra-rate max_b_frames max_frame_size max_interleave_delta max_muxing_queue_size max_qp_b
    max_qp_i max_qp_p max_ref_frames maxrate maxsection-pct mbbrc mbd mbtree me_method me_range min_qp_b
    min_qp_i min_qp_p minrate minsection-pct mixed-refs motion-est movflags multipass nal-hrd no-scenecut
    noise-sensitivity noise_reduction nonref_p nr num_tile_cols num_tile_rows overshoot-pct p_strategy
    partitions pix_fmt power_efficient pred preset prio_speed profile psy psy-rd q qblur qcomp qdiff qmax
    qmin qp qp_cb_offset qp_cr_offset qscale quality r rc rc-lookahead rc_init_occupancy rc_lookahead
    rc_mode rdo realtime refs require_sw row-mt s12m_tc sc_detection sc_threshold scenario sharpness
    skip_factor slice-max-size slices spatial-aq spatial_aq speed ssim static-thresh stereo3d still-picture
    strict strict_gop subcmp subq surfaces tag temporal-aq temporal_aq tf_level thread_type threads tier
    tile-columns tile-rows tile_cols tile_columns tile_rows tiles trellis tune tune-content udu_sei
    undershoot-pct unidir_b usage vbr vtag weightb weighted_pred weightp wpredp zerolatency
""")
_ALLOWED: dict[str, _Check] = {
    **dict.fromkeys(_OPTIONS, _plain),
    "flags": _flags,
    "vf": _filters,
    "filter": _filters,
    "x264-params": _parameters(_X264),
    "x264opts": _parameters(_X264),
    "x265-params": _parameters(_X265),
    "svtav1-params": _parameters(_SVT_AV1),
    "aom-params": _parameters(_AOM),
}
