// Operators of a training step on a CPU, in float32 and channels-last; each is one node of the autograd graph.
//
// conv_norm  a convolution, batch normalisation with the batch's statistics, an addition, ReLU; or max-pooling and ReLU
// merge      the sum of feature maps, up-sampled by nearest neighbour to a size, and ReLU

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
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
constexpr int64_t kRows = 5;  // of the statistics
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

// For each region and channel: mean, scale (gamma / deviation), shift, 1 / deviation, and what rounding the mean left,
// [regions, kRows, channels].
Tensor statistics(const Tensor& y, const std::vector<rows::Region>& regions, at::TensorList norms, int64_t repeats,
                  double momentum, double epsilon) {
  const int64_t channels = y.size(1);
  Tensor all = at::empty({static_cast<int64_t>(regions.size()), kRows, channels}, y.options());
  std::vector<double> mean(channels), variance(channels);
  TORCH_CHECK(norms.size() == 4 * regions.size(), "conv_norm: there are ", norms.size(), " tensors of normalisation");
  for (const Tensor& one : norms)
    TORCH_CHECK(one.numel() == channels && one.is_contiguous(), "conv_norm: a tensor of normalisation has other sizes");
  for (size_t r = 0; r < regions.size(); ++r) {
    rows::moments(y.const_data_ptr<float>(), regions[r], channels, mean.data(), variance.data());
    const float* gamma = norms[4 * r].const_data_ptr<float>();
    const float* beta = norms[4 * r + 1].const_data_ptr<float>();
    float* running_mean = norms[4 * r + 2].mutable_data_ptr<float>();
    float* running_variance = norms[4 * r + 3].mutable_data_ptr<float>();
    float* to = all.mutable_data_ptr<float>() + r * kRows * channels;
    const double count = static_cast<double>(regions[r].positions()) * repeats;
    const double unbiased = regions[r].positions() > 1 ? count / (count - 1) : 0;
    for (int64_t c = 0; c < channels; ++c) {
      const float inverse = static_cast<float>(1 / std::sqrt(variance[c] + epsilon));
      to[c] = static_cast<float>(mean[c]);
      to[channels + c] = gamma[c] * inverse;
      to[2 * channels + c] = static_cast<float>(beta[c] - mean[c] * to[channels + c]);
      to[3 * channels + c] = inverse;
      to[4 * channels + c] = static_cast<float>(mean[c] - to[c]);
      running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * mean[c]);
      running_variance[c] =
          static_cast<float>((1 - momentum) * running_variance[c] + momentum * unbiased * variance[c]);
    }
  }
  return all;
}

// What a layer is made of, beside its input.
struct Layer {
  Tensor weight;
  std::optional<Tensor> bias;
  std::vector<Tensor> norms;  // gamma, beta, running mean and variance of each region
  std::vector<int64_t> boxes;
  int64_t stride, padding, groups, repeats;
  bool relu;
  double momentum, epsilon;

  Convolution convolution(const Tensor& x) const { return {x, weight, stride, padding, groups}; }

  variable_list variables() const {
    variable_list all{weight};
    all.insert(all.end(), norms.begin(), norms.end());
    if (bias) all.push_back(*bias);
    return all;
  }

  void add_to_running_means() const {  // the bias, which changes nothing else
    if (bias)
      for (size_t at = 2; at < norms.size(); at += 4) norms[at].add_(*bias, momentum);
  }

  void save(AutogradContext* ctx, variable_list tensors) const {
    tensors.push_back(weight);
    ctx->save_for_backward(tensors);
    ctx->saved_data["settings"] = std::vector<int64_t>{stride, padding, groups, relu, bias.has_value()};
    ctx->saved_data["boxes"] = boxes;
  }
};

// What is left of the gradient by a normalised map when its mean and its products with the map are taken out.
struct Slopes {
  Tensor by_gamma, by_beta;
  std::vector<float> centre, slope;

  Slopes(const std::vector<double>& sums, const std::vector<double>& products, const float* inverse, const float* left,
         double positions, const Tensor& like)
      : by_gamma(at::empty({static_cast<int64_t>(sums.size())}, like.options())), by_beta(at::empty_like(by_gamma)),
        centre(sums.size()), slope(sums.size()) {
    for (size_t c = 0; c < sums.size(); ++c) {
      const double product = products[c] - sums[c] * left[c];
      by_gamma.mutable_data_ptr<float>()[c] = static_cast<float>(product * inverse[c]);
      by_beta.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
      slope[c] = static_cast<float>(product / positions * inverse[c] * inverse[c]);
      centre[c] = static_cast<float>(sums[c] / positions - left[c] * slope[c]);
    }
  }
};

struct ConvNorm : torch::autograd::Function<ConvNorm> {
  // variables: those of the layer, which autograd must see.
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const std::optional<Tensor>& plus,
                        at::TensorList variables, const Layer& layer) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Convolution conv = layer.convolution(x);
    const Tensor y = conv.forward(x, layer.weight);
    const auto regions = regions_of(conv, layer.boxes);
    const Tensor stats = statistics(y, regions, layer.norms, layer.repeats, layer.momentum, layer.epsilon);
    const int64_t channels = conv.outputs;
    Tensor out = new_map(y, conv.images, channels, conv.rows, conv.columns);
    if (!layer.boxes.empty()) out.zero_();
    TORCH_CHECK(!plus || plus->sizes() == out.sizes(), "conv_norm: what is added has other sizes: ", out.sizes());
    const Tensor added = plus ? dense(*plus) : Tensor();
    for (size_t r = 0; r < regions.size(); ++r) {
      const float* scale = stats.const_data_ptr<float>() + (kRows * r + 1) * channels;
      const auto run = [&]<bool kRelu, bool kPlus>() {
        rows::normalise<kRelu, kPlus>(y.const_data_ptr<float>(), kPlus ? added.const_data_ptr<float>() : nullptr,
                                      out.mutable_data_ptr<float>(), regions[r], channels, scale, scale + channels);
      };
      if (plus) layer.relu ? run.operator()<true, true>() : run.operator()<false, true>();
      else layer.relu ? run.operator()<true, false>() : run.operator()<false, false>();
    }
    layer.add_to_running_means();
    layer.save(ctx, {x, y, stats, plus && layer.relu ? out : Tensor()});
    ctx->saved_data["plus"] = plus.has_value();
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &y = saved[1], &stats = saved[2], &out = saved[3], &weight = saved[4];
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
    variable_list result{Tensor(), ctx->saved_data["plus"].toBool() ? g : Tensor(), Tensor()};
    std::vector<double> sums(channels), products(channels);
    for (size_t r = 0; r < regions.size(); ++r) {
      const float* mean = stats.const_data_ptr<float>() + kRows * r * channels;
      const float *scale = mean + channels, *shift = scale + channels, *inverse = shift + channels;
      const float *from = g.const_data_ptr<float>(), *values = y.const_data_ptr<float>();
      (relu ? rows::gradient_sums<true> : rows::gradient_sums<false>)(from, values, regions[r], channels, mean, scale,
                                                                     shift, sums.data(), products.data());
      const Slopes slopes(sums, products, inverse, inverse + channels, regions[r].positions(), g);
      (relu ? rows::gradient<true> : rows::gradient<false>)(from, values, dy.mutable_data_ptr<float>(), regions[r],
                                                           channels, mean, scale, shift, slopes.centre.data(),
                                                           slopes.slope.data());
      result.insert(result.end(), {slopes.by_gamma, slopes.by_beta, Tensor(), Tensor()});
    }
    std::tie(result[0], result[2]) = conv.backward(dy, x, weight, ctx->needs_input_grad(0), true);
    if (settings[4]) result.push_back(at::zeros({channels}, g.options()));
    result.emplace_back();  // the layer
    return result;
  }
};

// The windows of 3x3 max-pooling of stride 2 on a map, which is padded as little as possible.
struct Windows {
  int64_t images, channels, height, width, rows, columns, top, left;

  explicit Windows(const Convolution& conv)
      : images(conv.images), channels(conv.outputs), height(conv.rows), width(conv.columns), rows((height + 1) / 2),
        columns((width + 1) / 2), top(height % 2), left(width % 2) {}

  // Call f(first float of the pooled position, offsets of the window's positions in the map, their count).
  template <typename F>
  void each(F f) const {
    int64_t to = 0, offsets[9];
    for (int64_t image = 0; image < images; ++image)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column, to += channels) {
          int count = 0;
          const int64_t y = 2 * row - top, x = 2 * column - left;
          for (int64_t i = std::max<int64_t>(y, 0); i < std::min(y + 3, height); ++i)
            for (int64_t j = std::max<int64_t>(x, 0); j < std::min(x + 3, width); ++j)
              offsets[count++] = ((image * height + i) * width + j) * channels;
          f(to, offsets, count);
        }
  }
};

// As ConvNorm with ReLU, and 3x3 max-pooling of stride 2. Only what was the largest of its window has a gradient.
struct ConvNormPool : torch::autograd::Function<ConvNormPool> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, at::TensorList variables, const Layer& layer) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Convolution conv = layer.convolution(x);
    const Tensor y = conv.forward(x, layer.weight);
    const Tensor stats = statistics(y, regions_of(conv, {}), layer.norms, 1, layer.momentum, layer.epsilon);
    const Windows windows(conv);
    const int64_t channels = conv.outputs;
    const float *values = y.const_data_ptr<float>(), *scale = stats.const_data_ptr<float>() + channels,
                *shift = scale + channels;
    Tensor out = new_map(y, conv.images, channels, windows.rows, windows.columns);
    Tensor winners = at::empty({out.numel()}, y.options().dtype(at::kByte));
    float* to = out.mutable_data_ptr<float>();
    uint8_t* winner = winners.mutable_data_ptr<uint8_t>();
    std::vector<int32_t> places(channels);
    windows.each([&](int64_t at, const int64_t* offsets, int count) {
      float* best = to + at;
      int32_t* place = places.data();
      for (int64_t c = 0; c < channels; ++c) best[c] = values[offsets[0] + c] * scale[c] + shift[c], place[c] = 0;
      for (int k = 1; k < count; ++k) {
        const float* from = values + offsets[k];
        for (int64_t c = 0; c < channels; ++c) {
          const float value = from[c] * scale[c] + shift[c], before = best[c];
          place[c] = value > before ? k : place[c];
          best[c] = value > before ? value : before;
        }
      }
      for (int64_t c = 0; c < channels; ++c) best[c] = rows::rectified(best[c]), winner[at + c] = place[c];
    });
    layer.add_to_running_means();
    layer.save(ctx, {x, y, stats, out, winners});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &y = saved[1], &stats = saved[2], &weight = saved[5];
    const auto settings = ctx->saved_data["settings"].toIntVector();
    const Convolution conv(x, weight, settings[0], settings[1], settings[2]);
    const Windows windows(conv);
    const int64_t channels = conv.outputs;
    const Tensor g = dense(gradients[0]);
    const float *from = g.const_data_ptr<float>(), *values = y.const_data_ptr<float>(),
                *pooled = saved[3].const_data_ptr<float>(), *mean = stats.const_data_ptr<float>();
    const float *scale = mean + channels, *shift = scale + channels, *inverse = shift + channels;
    const uint8_t* winner = saved[4].const_data_ptr<uint8_t>();
    std::vector<double> sums(channels), products(channels);
    windows.each([&](int64_t at, const int64_t* offsets, int) {
      for (int64_t c = 0; c < channels; ++c) {
        const float gradient = rows::positive(from[at + c], pooled[at + c]);
        sums[c] += gradient;
        products[c] += gradient * (values[offsets[winner[at + c]] + c] - mean[c]);
      }
    });
    const Slopes slopes(sums, products, inverse, inverse + channels, conv.positions(), g);
    Tensor dy = new_map(g, conv.images, channels, conv.rows, conv.columns);
    float* to = dy.mutable_data_ptr<float>();
    for (int64_t at = 0; at < dy.numel(); at += channels)
      for (int64_t c = 0; c < channels; ++c)
        to[at + c] = -(slopes.centre[c] + (values[at + c] - mean[c]) * slopes.slope[c]) * scale[c];
    windows.each([&](int64_t at, const int64_t* offsets, int) {
      for (int64_t c = 0; c < channels; ++c)
        to[offsets[winner[at + c]] + c] += rows::positive(from[at + c], pooled[at + c]) * scale[c];
    });
    variable_list result{Tensor(), Tensor(), slopes.by_gamma, slopes.by_beta, Tensor(), Tensor()};
    if (settings[4]) result.push_back(at::zeros({channels}, g.options()));
    result.emplace_back();  // the layer
    std::tie(result[0], result[1]) = conv.backward(dy, x, weight, ctx->needs_input_grad(0), true);
    return result;
  }
};

struct Merge : torch::autograd::Function<Merge> {
  static Tensor forward(AutogradContext* ctx, at::TensorList maps, int64_t height, int64_t width, bool relu) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensor out = new_map(maps[0], maps[0].size(0), maps[0].size(1), height, width);
    std::vector<Tensor> sources;
    std::vector<int64_t> sizes;
    for (const Tensor& map : maps) {
      TORCH_CHECK(map.size(0) == out.size(0) && map.size(1) == out.size(1) && height % map.size(2) == 0 &&
                      width % map.size(3) == 0,
                  "merge: a map of ", map.sizes(), " does not fit ", out.sizes());
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
    result.resize(result.size() + 3);  // the settings
    return result;
  }
};

Tensor conv_norm(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                 const std::optional<Tensor>& plus, at::TensorList norms, at::IntArrayRef boxes, int64_t stride,
                 int64_t padding, int64_t groups, bool relu, int64_t repeats, bool pool, double momentum,
                 double epsilon) {
  const Layer layer{weight, bias, norms.vec(), boxes.vec(), stride, padding, groups, repeats, relu, momentum, epsilon};
  const variable_list all = layer.variables();
  const at::TensorList variables(all);
  return pool ? ConvNormPool::apply(x, variables, layer) : ConvNorm::apply(x, plus, variables, layer);
}

Tensor merge(at::TensorList maps, int64_t height, int64_t width, bool relu) {
  return Merge::apply(maps, height, width, relu);
}

}  // namespace

TORCH_LIBRARY(nas_fused, library) {
  library.def(
      "conv_norm(Tensor x, Tensor weight, Tensor? bias, Tensor? plus, Tensor[] norms, int[] boxes, int stride, "
      "int padding, int groups, bool relu, int repeats, bool pool, float momentum, float epsilon) -> Tensor",
      &conv_norm);
  library.def("merge(Tensor[] maps, int height, int width, bool relu) -> Tensor", &merge);
}
