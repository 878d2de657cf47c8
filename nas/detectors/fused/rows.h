// Sums and maps over the rows of a channels-last feature map: a row holds the channels of one position.
//
// A map may be a canvas that holds several levels (nas/detectors/heads/canvases.py); a Region says where one of them lies.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rows {

using Lanes = float __attribute__((vector_size(32), aligned(4), may_alias));  // 8 channels at once

constexpr int64_t kBlockFloats = 4096;  // a block of rows stays in the first-level cache

struct Region {
  int64_t images, height, width;         // positions
  int64_t offset;                        // of its first position, in positions
  int64_t image_stride, row_stride;      // in positions
  int64_t positions() const { return images * height * width; }
};

// Call f(first position, number of positions) for every block of neighbouring positions.
template <typename F>
void for_blocks(const Region& region, int64_t channels, F f) {
  const int64_t most = std::max<int64_t>(8, kBlockFloats / channels);
  for (int64_t image = 0; image < region.images; ++image)
    for (int64_t y = 0; y < region.height; ++y) {
      const int64_t first = region.offset + image * region.image_stride + y * region.row_stride;
      for (int64_t x = 0; x < region.width; x += most) f(first + x, std::min(most, region.width - x));
    }
}

// Call f.operator()<L, N>(channel) for groups of N lanes of type L that together cover all channels.
template <typename F>
inline void for_channels(int64_t channels, F f) {
  int64_t c = 0;
  for (; c + 32 <= channels; c += 32) f.template operator()<Lanes, 4>(c);
  for (; c + 8 <= channels; c += 8) f.template operator()<Lanes, 1>(c);
  for (; c < channels; ++c) f.template operator()<float, 1>(c);
}

template <typename L>
inline L load(const float* from) {
  return *reinterpret_cast<const L*>(from);
}

template <typename L>
inline void store(float* to, L value) {
  *reinterpret_cast<L*>(to) = value;
}

template <typename L>
inline L spread(float value) {
  return L{} + value;
}

inline float positive(float value, float condition) { return condition > 0 ? value : 0.0f; }
inline Lanes positive(Lanes value, Lanes condition) {
  using Bits = int32_t __attribute__((vector_size(32)));
  return (Lanes)((Bits)value & (Bits)(condition > 0.0f));
}

inline float rectified(float value) { return value < 0 ? 0.0f : value; }  // what is no number stays
inline Lanes rectified(Lanes value) {
  using Bits = int32_t __attribute__((vector_size(32)));
  return (Lanes)((Bits)value & ~(Bits)(value < 0.0f));
}

template <typename L>
inline void add_lanes(double* to, L value) {
  constexpr int count = sizeof(L) / sizeof(float);
  float parts[count];
  store<L>(parts, value);
  for (int i = 0; i < count; ++i) to[i] += parts[i];
}

// Mean and biased variance of each channel. Squares are those of distances to a block's mean, so nothing cancels.
inline void moments(const float* x, const Region& region, int64_t channels, double* mean, double* variance) {
  std::fill_n(mean, channels, 0.0);
  std::fill_n(variance, channels, 0.0);
  for_blocks(region, channels, [&](int64_t first, int64_t count) {
    const float* block = x + first * channels;
    for_channels(channels, [&]<typename L, int N>(int64_t c) {
      L sum[N] = {}, centre[N], squares[N] = {};
      for (int64_t p = 0; p < count; ++p)
        for (int i = 0; i < N; ++i) sum[i] += load<L>(block + p * channels + c + i * 8);
      for (int i = 0; i < N; ++i) centre[i] = sum[i] / static_cast<float>(count);
      for (int64_t p = 0; p < count; ++p)
        for (int i = 0; i < N; ++i) {
          const L distance = load<L>(block + p * channels + c + i * 8) - centre[i];
          squares[i] += distance * distance;
        }
      for (int i = 0; i < N; ++i) {
        constexpr int lanes = sizeof(L) / sizeof(float);
        float sums[lanes], centres[lanes], parts[lanes];
        store<L>(sums, sum[i]), store<L>(centres, centre[i]), store<L>(parts, squares[i]);
        for (int lane = 0; lane < lanes; ++lane) {
          const double m = centres[lane], rest = sums[lane] - m * count;  // what rounding the block's mean left
          mean[c + i * 8 + lane] += sums[lane];
          variance[c + i * 8 + lane] += parts[lane] + m * m * count + 2 * m * rest;
        }
      }
    });
  });
  const double positions = region.positions();
  for (int64_t c = 0; c < channels; ++c) {
    mean[c] /= positions;
    variance[c] = std::max(0.0, variance[c] / positions - mean[c] * mean[c]);
  }
}

// out = x * scale + shift (+ plus), then ReLU.
template <bool kRelu, bool kPlus>
void normalise(const float* x, const float* plus, float* out, const Region& region, int64_t channels, const float* scale,
               const float* shift) {
  for_blocks(region, channels, [&](int64_t first, int64_t count) {
    const int64_t start = first * channels;
    for_channels(channels, [&]<typename L, int N>(int64_t c) {
      L a[N], b[N];
      for (int i = 0; i < N; ++i) a[i] = load<L>(scale + c + i * 8), b[i] = load<L>(shift + c + i * 8);
      for (int64_t p = 0; p < count; ++p)
        for (int i = 0; i < N; ++i) {
          const int64_t at = start + p * channels + c + i * 8;
          L y = load<L>(x + at) * a[i] + b[i];
          if constexpr (kPlus) y += load<L>(plus + at);
          store<L>(out + at, kRelu ? rectified(y) : y);
        }
    });
  });
}

// Sums over positions of the gradient g and of g * (x - mean). With kRelu, g counts where x * scale + shift > 0.
template <bool kRelu>
void gradient_sums(const float* g, const float* x, const Region& region, int64_t channels, const float* mean,
                   const float* scale, const float* shift, double* sums, double* products) {
  std::fill_n(sums, channels, 0.0);
  std::fill_n(products, channels, 0.0);
  for_blocks(region, channels, [&](int64_t first, int64_t count) {
    const int64_t start = first * channels;
    for_channels(channels, [&]<typename L, int N>(int64_t c) {
      L m[N], a[N], b[N], sum[N] = {}, product[N] = {};
      for (int i = 0; i < N; ++i) {
        m[i] = load<L>(mean + c + i * 8);
        a[i] = load<L>(scale + c + i * 8), b[i] = load<L>(shift + c + i * 8);
      }
      for (int64_t p = 0; p < count; ++p)
        for (int i = 0; i < N; ++i) {
          const int64_t at = start + p * channels + c + i * 8;
          const L value = load<L>(x + at);
          L gradient = load<L>(g + at);
          if constexpr (kRelu) gradient = positive(gradient, value * a[i] + b[i]);
          sum[i] += gradient;
          product[i] += gradient * (value - m[i]);
        }
      for (int i = 0; i < N; ++i) {
        add_lanes<L>(sums + c + i * 8, sum[i]);
        add_lanes<L>(products + c + i * 8, product[i]);
      }
    });
  });
}

// dx = (g - centre - (x - mean) * slope) * scale, with g as in gradient_sums.
template <bool kRelu>
void gradient(const float* g, const float* x, float* dx, const Region& region, int64_t channels, const float* mean,
              const float* scale, const float* shift, const float* centre, const float* slope) {
  for_blocks(region, channels, [&](int64_t first, int64_t count) {
    const int64_t start = first * channels;
    for_channels(channels, [&]<typename L, int N>(int64_t c) {
      L m[N], a[N], b[N], k[N], s[N];
      for (int i = 0; i < N; ++i) {
        m[i] = load<L>(mean + c + i * 8), a[i] = load<L>(scale + c + i * 8), b[i] = load<L>(shift + c + i * 8);
        k[i] = load<L>(slope + c + i * 8), s[i] = load<L>(centre + c + i * 8);
      }
      for (int64_t p = 0; p < count; ++p)
        for (int i = 0; i < N; ++i) {
          const int64_t at = start + p * channels + c + i * 8;
          const L value = load<L>(x + at);
          L y = load<L>(g + at);
          if constexpr (kRelu) y = positive(y, value * a[i] + b[i]);
          store<L>(dx + at, (y - s[i] - (value - m[i]) * k[i]) * a[i]);
        }
    });
  });
}

// Where out > 0, the gradient g; elsewhere 0.
inline void masked(const float* g, const float* out, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = out[i] > 0 ? g[i] : 0.0f;
}

}  // namespace rows
