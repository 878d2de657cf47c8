// Operators of a training step on a CPU, in float32 and channels-last; each is one node of the autograd graph.
//
// conv_norm  a convolution, batch normalisation with the batch's statistics, an addition, ReLU
// merge      the sum of feature maps, up-sampled by nearest neighbour to the size of the largest, and ReLU

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "rows.h"

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast;
// A convolution is a product of matrices where its unfolded patches have at most this many floats; with more, oneDNN
// is faster. Its gradient by the weight is slower than the rest.
constexpr int64_t kMostUnfolded = 100'000, kMostUnfoldedByWeight = 400'000;
constexpr int64_t kMostGroups = 8;
constexpr int64_t kNarrow = 16;  // a product of tall matrices is slow if the result has fewer columns

Tensor new_map(const Tensor& like, int64_t images, int64_t channels, int64_t height, int64_t width) {
  return at::empty({images, channels, height, width}, like.options(), kLast);
}

Tensor dense(const Tensor& x) { return x.contiguous(kLast); }

// a @ b, dense.
Tensor product(const Tensor& a, const Tensor& b) {
  const int64_t columns = b.size(1);
  if (columns >= kNarrow || a.size(0) < 4 * kNarrow) return at::mm(a, b);
  return at::mm(a, at::constant_pad_nd(b, {0, kNarrow - columns}, 0)).narrow(1, 0, columns).contiguous();
}

struct Convolution {
  int64_t images, inputs, height, width, outputs, kernel, stride, groups;
  int64_t top, left, bottom, right;  // padding
  int64_t rows, columns;             // of the output

  // padding: on each side; -1: as few positions as possible, with the odd one at the end.
  Convolution(const Tensor& x, const Tensor& weight, int64_t stride, int64_t padding, int64_t groups)
      : images(x.size(0)), inputs(x.size(1)), height(x.size(2)), width(x.size(3)), outputs(weight.size(0)),
        kernel(weight.size(2)), stride(stride), groups(groups), top(padding), left(padding), bottom(padding),
        right(padding) {
    if (padding < 0) {
      std::tie(top, bottom) = same(height);
      std::tie(left, right) = same(width);
    }
    rows = (height + top + bottom - kernel) / stride + 1;
    columns = (width + left + right - kernel) / stride + 1;
  }

  std::pair<int64_t, int64_t> same(int64_t length) const {
    const int64_t total = std::max<int64_t>(((length + stride - 1) / stride - 1) * stride + kernel - length, 0);
    return {total / 2, total - total / 2};
  }

  int64_t positions() const { return images * rows * columns; }
  int64_t patch() const { return kernel * kernel * inputs / groups; }  // floats of one group
  bool is_plain() const { return kernel == 1 && stride == 1 && groups == 1; }
  bool is_even() const { return top == bottom && left == right; }
  bool unfolds(int64_t most) const {
    return is_plain() || (groups <= kMostGroups && positions() * patch() * groups <= most);
  }

  // The kernels of a group as a matrix [outputs / groups, patch].
  Tensor matrix(const Tensor& weight, int64_t group) const {
    const int64_t share = outputs / groups;
    return weight.narrow(0, group * share, share).permute({0, 2, 3, 1}).reshape({share, patch()});
  }

  // A group's channels of a dense map with all outputs' channels, as a matrix [positions, outputs / groups].
  Tensor output_matrix(const Tensor& y, int64_t group) const {
    const int64_t share = outputs / groups;
    return y.permute({0, 2, 3, 1}).view({positions(), outputs}).narrow(1, group * share, share);
  }

  Tensor padded(const Tensor& x) const { return is_even() ? x : at::constant_pad_nd(x, {left, right, top, bottom}, 0); }
  std::vector<int64_t> padding() const { return is_even() ? std::vector<int64_t>{top, left} : std::vector<int64_t>{0, 0}; }

  // Call f(floats into the map, floats into the patches, floats) for every run of neighbouring values in a patch.
  template <typename F>
  void for_runs(int64_t group, F f) const {
    const int64_t share = inputs / groups;
    int64_t to = 0;
    for (int64_t image = 0; image < images; ++image)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          for (int64_t i = 0; i < kernel; ++i) {
            const int64_t y = row * stride - top + i;
            for (int64_t j = 0; j < kernel; ++j, to += share) {
              const int64_t x = column * stride - left + j;
              const bool inside = y >= 0 && y < height && x >= 0 && x < width;
              f(inside ? ((image * height + y) * width + x) * inputs + group * share : -1, to, share);
            }
          }
  }

  // The patches [positions, patch] of a group, zero where the map ends.
  Tensor unfold(const Tensor& x, int64_t group) const {
    if (is_plain()) return x.permute({0, 2, 3, 1}).reshape({positions(), patch()});
    const Tensor source = dense(x);
    Tensor patches = at::empty({positions(), patch()}, x.options());
    const float* from = source.const_data_ptr<float>();
    float* to = patches.mutable_data_ptr<float>();
    for_runs(group, [&](int64_t a, int64_t b, int64_t count) {
      if (a < 0) for (int64_t i = 0; i < count; ++i) to[b + i] = 0;
      else for (int64_t i = 0; i < count; ++i) to[b + i] = from[a + i];
    });
    return patches;
  }

  // Add the patches of a group to a map.
  void fold(const Tensor& patches, Tensor& x, int64_t group) const {
    const float* from = patches.const_data_ptr<float>();
    float* to = x.mutable_data_ptr<float>();
    for_runs(group, [&](int64_t a, int64_t b, int64_t count) {
      if (a >= 0) for (int64_t i = 0; i < count; ++i) to[a + i] += from[b + i];
    });
  }

  Tensor forward(const Tensor& x, const Tensor& weight) const {
    if (!unfolds(kMostUnfolded))
      return dense(at::convolution(padded(x), weight, std::nullopt, {stride, stride}, padding(), {1, 1}, false, {0, 0},
                                   groups));
    if (groups == 1)
      return product(unfold(x, 0), matrix(weight, 0).t()).view({images, rows, columns, outputs}).permute({0, 3, 1, 2});
    Tensor y = new_map(x, images, outputs, rows, columns);
    for (int64_t group = 0; group < groups; ++group)
      output_matrix(y, group).copy_(product(unfold(x, group), matrix(weight, group).t()));
    return y;
  }

  // Gradients by x and by the weight, for the gradient dy by the output, which is dense.
  std::pair<Tensor, Tensor> backward(const Tensor& dy, const Tensor& x, const Tensor& weight, bool by_x,
                                     bool by_weight) const {
    Tensor dx, dw;
    if (by_weight && unfolds(kMostUnfoldedByWeight)) {
      dw = weight_gradient(dy, x, weight);
      by_weight = false;
    }
    if (by_x && unfolds(kMostUnfolded)) {
      dx = input_gradient(dy, weight);
      by_x = false;
    }
    if (by_x || by_weight) {
      const auto [other_dx, other_dw, none] =
          at::convolution_backward(dy, padded(x), weight, std::nullopt, {stride, stride}, padding(), {1, 1}, false,
                                   {0, 0}, groups, {by_x, by_weight, false});
      if (by_x) dx = is_even() ? other_dx : other_dx.slice(2, top, top + height).slice(3, left, left + width);
      if (by_weight) dw = other_dw;
    }
    return {dx, dw};
  }

  Tensor weight_gradient(const Tensor& dy, const Tensor& x, const Tensor& weight) const {
    std::vector<Tensor> parts;
    for (int64_t group = 0; group < groups; ++group) {
      const Tensor g = output_matrix(dy, group), patches = unfold(x, group);
      parts.push_back(patch() < outputs / groups ? at::mm(patches.t(), g).t() : at::mm(g.t(), patches));
    }
    const Tensor all = groups == 1 ? parts[0].contiguous() : at::cat(parts);
    return all.view({outputs, kernel, kernel, inputs / groups}).permute({0, 3, 1, 2});
  }

  Tensor input_gradient(const Tensor& dy, const Tensor& weight) const {
    if (is_plain())
      return product(output_matrix(dy, 0), matrix(weight, 0)).view({images, height, width, inputs}).permute({0, 3, 1, 2});
    Tensor dx = new_map(dy, images, inputs, height, width).zero_();
    for (int64_t group = 0; group < groups; ++group)
      fold(product(output_matrix(dy, group), matrix(weight, group)), dx, group);
    return dx;
  }
};

std::vector<rows::Region> regions_of(const Convolution& conv, const std::vector<int64_t>& boxes) {
  const int64_t all = conv.rows * conv.columns;
  if (boxes.empty()) return {{1, 1, conv.positions(), 0, 0, 0}};
  std::vector<rows::Region> regions;
  for (size_t i = 0; i < boxes.size(); i += 4)
    regions.push_back({conv.images, boxes[i + 2], boxes[i + 3], boxes[i] * conv.columns + boxes[i + 1], all, conv.columns});
  return regions;
}

// For each region: mean, scale (gamma / deviation), shift, 1 / deviation of every channel, [regions, 4, channels].
Tensor statistics(const Tensor& y, const std::vector<rows::Region>& regions, at::TensorList norms, int64_t repeats,
                  double momentum, double epsilon) {
  const int64_t channels = y.size(1);
  Tensor all = at::empty({static_cast<int64_t>(regions.size()), 4, channels}, y.options());
  std::vector<double> mean(channels), variance(channels);
  for (size_t r = 0; r < regions.size(); ++r) {
    rows::moments(y.const_data_ptr<float>(), regions[r], channels, mean.data(), variance.data());
    const float* gamma = norms[4 * r].const_data_ptr<float>();
    const float* beta = norms[4 * r + 1].const_data_ptr<float>();
    float* running_mean = norms[4 * r + 2].mutable_data_ptr<float>();
    float* running_variance = norms[4 * r + 3].mutable_data_ptr<float>();
    float* to = all.mutable_data_ptr<float>() + r * 4 * channels;
    const double count = static_cast<double>(regions[r].positions()) * repeats;
    const double unbiased = regions[r].positions() > 1 ? count / (count - 1) : 0;
    for (int64_t c = 0; c < channels; ++c) {
      const float inverse = static_cast<float>(1 / std::sqrt(variance[c] + epsilon));
      to[c] = static_cast<float>(mean[c]);
      to[channels + c] = gamma[c] * inverse;
      to[2 * channels + c] = beta[c] - to[c] * to[channels + c];
      to[3 * channels + c] = inverse;
      running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * mean[c]);
      running_variance[c] =
          static_cast<float>((1 - momentum) * running_variance[c] + momentum * unbiased * variance[c]);
    }
  }
  return all;
}

struct ConvNorm : torch::autograd::Function<ConvNorm> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                        const std::optional<Tensor>& plus, at::TensorList norms, std::vector<int64_t> boxes,
                        int64_t stride, int64_t padding, int64_t groups, bool relu, int64_t repeats, double momentum,
                        double epsilon) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Convolution conv(x, weight, stride, padding, groups);
    const Tensor y = conv.forward(x, weight);
    const auto regions = regions_of(conv, boxes);
    const Tensor stats = statistics(y, regions, norms, repeats, momentum, epsilon);
    const int64_t channels = conv.outputs;
    Tensor out = new_map(y, conv.images, channels, conv.rows, conv.columns);
    if (!boxes.empty()) out.zero_();
    const Tensor added = plus ? dense(*plus) : Tensor();
    for (size_t r = 0; r < regions.size(); ++r) {
      const float* scale = stats.const_data_ptr<float>() + (4 * r + 1) * channels;
      const auto run = [&]<bool kRelu, bool kPlus>() {
        rows::normalise<kRelu, kPlus>(y.const_data_ptr<float>(), kPlus ? added.const_data_ptr<float>() : nullptr,
                                      out.mutable_data_ptr<float>(), regions[r], channels, scale, scale + channels);
      };
      if (plus) relu ? run.operator()<true, true>() : run.operator()<false, true>();
      else relu ? run.operator()<true, false>() : run.operator()<false, false>();
    }
    if (bias)  // it moves the mean alone
      for (size_t r = 0; r < regions.size(); ++r) norms[4 * r + 2].add_(*bias, momentum);
    ctx->save_for_backward({x, weight, y, stats, plus && relu ? out : Tensor()});
    ctx->saved_data["settings"] = std::vector<int64_t>{stride, padding, groups, relu, plus.has_value(), bias.has_value()};
    ctx->saved_data["boxes"] = std::move(boxes);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &y = saved[2], &stats = saved[3], &out = saved[4];
    const auto settings = ctx->saved_data["settings"].toIntVector();
    const Convolution conv(x, weight, settings[0], settings[1], settings[2]);
    const auto boxes = ctx->saved_data["boxes"].toIntVector();
    const auto regions = regions_of(conv, boxes);
    const int64_t channels = conv.outputs;
    Tensor g = dense(gradients[0]);
    bool relu = settings[3];
    if (out.defined()) {
      const Tensor cut = new_map(g, conv.images, channels, conv.rows, conv.columns);
      rows::masked(g.const_data_ptr<float>(), out.const_data_ptr<float>(), cut.mutable_data_ptr<float>(), g.numel());
      g = cut;
      relu = false;
    }
    Tensor dy = new_map(g, conv.images, channels, conv.rows, conv.columns);
    if (!boxes.empty()) dy.zero_();
    variable_list by_norms;
    std::vector<double> sums(channels), products(channels);
    std::vector<float> slope(channels), centre(channels);
    for (size_t r = 0; r < regions.size(); ++r) {
      const float* mean = stats.const_data_ptr<float>() + 4 * r * channels;
      const float *scale = mean + channels, *shift = scale + channels, *inverse = shift + channels;
      const float *from = g.const_data_ptr<float>(), *values = y.const_data_ptr<float>();
      Tensor by_gamma = at::empty({channels}, g.options()), by_beta = at::empty({channels}, g.options());
      (relu ? rows::gradient_sums<true> : rows::gradient_sums<false>)(from, values, regions[r], channels, mean, scale,
                                                                     shift, sums.data(), products.data());
      const double positions = regions[r].positions();
      for (int64_t c = 0; c < channels; ++c) {
        by_gamma.mutable_data_ptr<float>()[c] = static_cast<float>(products[c] * inverse[c]);
        by_beta.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
        centre[c] = static_cast<float>(sums[c] / positions);
        slope[c] = static_cast<float>(products[c] / positions * inverse[c] * inverse[c]);
      }
      (relu ? rows::gradient<true> : rows::gradient<false>)(from, values, dy.mutable_data_ptr<float>(), regions[r],
                                                           channels, mean, scale, shift, centre.data(), slope.data());
      by_norms.insert(by_norms.end(), {by_gamma, by_beta, Tensor(), Tensor()});
    }
    const auto [dx, dw] = conv.backward(dy, x, weight, ctx->needs_input_grad(0), ctx->needs_input_grad(1));
    variable_list result{dx, dw, settings[5] ? at::zeros({channels}, g.options()) : Tensor(), settings[4] ? g : Tensor()};
    result.insert(result.end(), by_norms.begin(), by_norms.end());
    result.resize(result.size() + 8);  // the settings
    return result;
  }
};

struct Merge : torch::autograd::Function<Merge> {
  static Tensor forward(AutogradContext* ctx, at::TensorList maps, bool relu) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor& largest = *std::max_element(maps.begin(), maps.end(), [](const Tensor& a, const Tensor& b) {
      return a.size(2) * a.size(3) < b.size(2) * b.size(3);
    });
    const int64_t images = largest.size(0), channels = largest.size(1), height = largest.size(2), width = largest.size(3);
    Tensor out = new_map(largest, images, channels, height, width);
    std::vector<Tensor> sources;
    std::vector<int64_t> sizes;
    for (const Tensor& map : maps) {
      sources.push_back(dense(map));
      sizes.insert(sizes.end(), {map.size(2), map.size(3)});
    }
    for (size_t i = 0; i < sources.size(); ++i) {
      const bool last = i + 1 == sources.size();
      add(sources[i], out, i == 0, relu && last);
    }
    if (relu) ctx->save_for_backward({out});
    ctx->saved_data["sizes"] = std::move(sizes);
    return out;
  }

  // Write or add one map, up-sampled, to out.
  static void add(const Tensor& map, Tensor& out, bool first, bool relu) {
    const int64_t channels = out.size(1), height = out.size(2), width = out.size(3), h = map.size(2), w = map.size(3);
    const int64_t down = height / h, across = width / w;
    const float* from = map.const_data_ptr<float>();
    float* to = out.mutable_data_ptr<float>();
    const auto write = [&](int64_t a, int64_t b, int64_t count) {
      if (first && relu) for (int64_t i = 0; i < count; ++i) to[b + i] = std::max(from[a + i], 0.0f);
      else if (first) std::memcpy(to + b, from + a, count * sizeof(float));
      else if (relu) for (int64_t i = 0; i < count; ++i) to[b + i] = std::max(to[b + i] + from[a + i], 0.0f);
      else for (int64_t i = 0; i < count; ++i) to[b + i] += from[a + i];
    };
    if (down == 1 && across == 1) return write(0, 0, map.numel());
    for (int64_t row = 0; row < out.size(0) * height; ++row)
      for (int64_t column = 0; column < width; ++column)
        write(((row / height * h + row % height / down) * w + column / across) * channels, (row * width + column) * channels,
              channels);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const auto saved = ctx->get_saved_variables();
    const auto sizes = ctx->saved_data["sizes"].toIntVector();
    Tensor g = dense(gradients[0]);
    const int64_t images = g.size(0), channels = g.size(1), height = g.size(2), width = g.size(3);
    if (!saved.empty()) {
      const Tensor cut = new_map(g, images, channels, height, width);
      rows::masked(g.const_data_ptr<float>(), saved[0].const_data_ptr<float>(), cut.mutable_data_ptr<float>(), g.numel());
      g = cut;
    }
    variable_list result;
    for (size_t i = 0; i < sizes.size(); i += 2) {
      if (sizes[i] == height && sizes[i + 1] == width) {
        result.push_back(g);
        continue;
      }
      const int64_t h = sizes[i], w = sizes[i + 1], down = height / h, across = width / w;
      Tensor sum = new_map(g, images, channels, h, w).zero_();
      const float* from = g.const_data_ptr<float>();
      float* to = sum.mutable_data_ptr<float>();
      for (int64_t row = 0; row < images * height; ++row)
        for (int64_t column = 0; column < width; ++column) {
          float* target = to + ((row / height * h + row % height / down) * w + column / across) * channels;
          const float* source = from + (row * width + column) * channels;
          for (int64_t c = 0; c < channels; ++c) target[c] += source[c];
        }
      result.push_back(sum);
    }
    result.emplace_back();
    return result;
  }
};

Tensor conv_norm(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                 const std::optional<Tensor>& plus, at::TensorList norms, at::IntArrayRef boxes, int64_t stride,
                 int64_t padding, int64_t groups, bool relu, int64_t repeats, double momentum, double epsilon) {
  return ConvNorm::apply(x, weight, bias, plus, norms, boxes.vec(), stride, padding, groups, relu, repeats, momentum,
                         epsilon);
}

Tensor merge(at::TensorList maps, bool relu) { return Merge::apply(maps, relu); }

}  // namespace

TORCH_LIBRARY(nas_fused, library) {
  library.def(
      "conv_norm(Tensor x, Tensor weight, Tensor? bias, Tensor? plus, Tensor[] norms, int[] boxes, int stride, "
      "int padding, int groups, bool relu, int repeats, float momentum, float epsilon) -> Tensor",
      &conv_norm);
  library.def("merge(Tensor[] maps, bool relu) -> Tensor", &merge);
}
