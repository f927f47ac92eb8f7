#include "sim/functional/crossbar_layer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include "sim/bits.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {
namespace {

constexpr std::uint64_t kDeviceStream = 0, kAdcStream = 1;  // of a copy
constexpr std::uint64_t kNoiseStream = ~std::uint64_t{0};   // of a layer, beside its pieces
constexpr int kRowsInShort = 256;                           // of weights of at most 8 bits: 256 * 127 < 2^15

/// Rows are padded so that their sums vectorise without a tail.
std::size_t padded(std::size_t columns) { return (columns + 15) / 16 * 16; }

template <class Sum, class Row>
void add_row(Sum* __restrict sum, const Row* __restrict row, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = static_cast<Sum>(sum[i] + row[i]);
}

/// Positions of the set bits in [begin, end), from `begin` on.
void list_bits(const traces::PackedBits& words, std::int64_t begin, std::int64_t end,
               std::vector<int>& list) {
  list.clear();
  for (std::int64_t at = begin; at < end;) {
    const auto offset = static_cast<int>(at % 64);
    const std::int64_t take = std::min<std::int64_t>(64 - offset, end - at);
    std::uint64_t word = words[static_cast<std::size_t>(at / 64)] >> offset;
    if (take < 64) word &= (std::uint64_t{1} << take) - 1;
    for (; word != 0; word &= word - 1) {
      list.push_back(static_cast<int>(at - begin) + __builtin_ctzll(word));
    }
    at += take;
  }
}

}  // namespace

CrossbarLayer::CrossbarLayer(const Plan& plan, const ChipConfig& chip, const std::vector<int>& stages,
                             const WeightMatrix& weights, const Options& options)
    : chip_(chip),
      stage_(&plan.stages[static_cast<std::size_t>(stages.at(0))]),
      signal_(plan.signals[static_cast<std::size_t>(stage_->signal)]),
      layout_(cell_layout(chip, weights.bits)),
      options_(options),
      max_active_(std::min(chip.crossbar.max_active_rows, chip.crossbar.rows)) {
  if (chip.crossbar.cell_bits > kMaxCellBits || largest_sum(chip) > std::numeric_limits<LevelSum>::max()) {
    throw std::logic_error("CrossbarLayer: column sums of " + std::to_string(largest_sum(chip)) + " levels");
  }
  ideal_cells_ = ideal_cells(chip.device);
  std::map<int, int> outputs_of_block;
  for (int s : stages) {
    for (const auto& piece : plan.stages[static_cast<std::size_t>(s)].pieces)
      outputs_of_block[piece.column_block] = piece.outputs;
  }
  std::map<int, int> first_output;
  int next = 0;
  for (const auto& [block, outputs] : outputs_of_block) {
    first_output[block] = next;
    next += outputs;
  }
  std::uint64_t number = 0;
  for (int s : stages) {
    const auto& stage = plan.stages[static_cast<std::size_t>(s)];
    for (const auto& piece : stage.pieces) {
      Cells cells;
      cells.piece = piece;
      cells.first_output = first_output.at(piece.column_block);
      const auto columns = static_cast<std::size_t>(piece.columns);
      cells.stride = padded(columns);
      const auto levels = cell_levels(layout_, weights, piece, cells.first_output);
      const auto spread = [&](const auto& from, auto& to) {
        to.assign(static_cast<std::size_t>(piece.rows) * cells.stride, 0);
        for (std::size_t i = 0; i < from.size(); ++i) to[i / columns * cells.stride + i % columns] = from[i];
      };
      spread(levels, cells.levels);
      const std::uint64_t piece_seed = derive_seed(options.seed, number++);
      for (int c = 0; c < stage.copies; ++c) {
        const std::uint64_t seed = derive_seed(piece_seed, static_cast<std::uint64_t>(c));
        Copy copy;
        if (!ideal_cells_) {
          spread(program_cells(chip, piece, levels, derive_seed(seed, kDeviceStream)), copy.beyond);
        }
        if (chip.device.read_noise > 0) {
          const auto off = static_cast<float>(off_levels(chip));
          copy.squared.assign(cells.levels.size(), 0);
          for (std::size_t i = 0; i < copy.squared.size(); ++i) {
            const float g = off + (ideal_cells_ ? static_cast<float>(cells.levels[i]) : copy.beyond[i]);
            copy.squared[i] = g * g;
          }
        }
        if (chip.adc.offset_lsb > 0) {
          NormalStream offset(derive_seed(seed, kAdcStream));
          for (int column = 0; column < piece.columns; ++column) {
            const bool next_adc = column % chip.adc.columns_per_adc == 0;
            copy.offset.push_back(next_adc ? static_cast<float>(chip.adc.offset_lsb * offset.next())
                                           : copy.offset.back());
          }
        }
        cells.copies.push_back(std::move(copy));
      }
      cells_.push_back(std::move(cells));
    }
  }
  find_largest_sum();
  adc_ = options.exact_adc ? exact_adc_range(largest_sum_) : adc_range(chip);
  shortcut_ = ideal_cells_ && chip.device.read_noise == 0 && chip.adc.offset_lsb == 0 &&
              chip.adc.inl_lsb == 0 && is_exact(adc_, largest_sum_) && !options.column_by_column;
  if (shortcut_) {
    const auto outputs = static_cast<std::size_t>(weights.outputs);
    weight_stride_ = padded(outputs);
    weights_.assign(static_cast<std::size_t>(weights.rows) * weight_stride_, 0);
    for (std::size_t i = 0; i < weights.value.size(); ++i)
      weights_[i / outputs * weight_stride_ + i % outputs] = weights.value[i];
  }
  const auto words = static_cast<std::size_t>((stage_->weight_rows + 63) / 64);
  window_.assign(static_cast<std::size_t>(signal_.bits), traces::PackedBits(words));
  short_sum_.resize(weight_stride_);
  long_sum_.resize(weight_stride_);
}

void CrossbarLayer::find_largest_sum() {
  for (const auto& cells : cells_) {
    const int driven = std::min(max_active_, cells.piece.rows);
    for (std::size_t c = 0; c < static_cast<std::size_t>(cells.piece.columns); ++c) {
      std::array<int, std::size_t{1} << kMaxCellBits> of_level{};
      for (std::size_t r = 0; r < static_cast<std::size_t>(cells.piece.rows); ++r)
        ++of_level[cells.levels[r * cells.stride + c]];
      std::int64_t sum = 0;
      int left = driven;
      for (int level = layout_.top_level(); level > 0; --level) {
        const int taken = std::min(left, of_level[static_cast<std::size_t>(level)]);
        sum += std::int64_t{taken} * level;
        left -= taken;
      }
      largest_sum_ = std::max(largest_sum_, sum);
    }
  }
}

void CrossbarLayer::start_sample(std::int64_t index) {
  noise_ =
      NormalStream(derive_seed(derive_seed(options_.seed, kNoiseStream), static_cast<std::uint64_t>(index)));
}

std::int64_t CrossbarLayer::plane_factor(std::size_t plane) const {
  const std::int64_t value = std::int64_t{1} << plane;
  return signal_.is_signed && static_cast<int>(plane) == signal_.bits - 1 ? -value : value;
}

void CrossbarLayer::gather_window(const std::vector<traces::PackedBits>& planes, int item,
                                  std::vector<traces::PackedBits>& window) const {
  const auto& s = *stage_;
  for (std::size_t b = 0; b < window.size(); ++b) {
    if (s.whole_map) {
      window[b] = planes[b];
      continue;
    }
    std::fill(window[b].begin(), window[b].end(), 0);
    for (int ky = 0; ky < s.kernel[0]; ++ky) {
      for (int kx = 0; kx < s.kernel[1]; ++kx) {
        const int y = item / s.width * s.stride[0] - s.padding[0] + ky * s.dilation[0];
        const int x = item % s.width * s.stride[1] - s.padding[1] + kx * s.dilation[1];
        if (y < 0 || x < 0 || y >= signal_.height || x >= signal_.width) continue;
        copy_bits(planes[b], (std::int64_t{y} * signal_.width + x) * signal_.channels, signal_.channels,
                  window[b], (std::int64_t{ky} * s.kernel[1] + kx) * signal_.channels);
      }
    }
  }
}

void CrossbarLayer::run(const std::vector<traces::PackedBits>& planes, int timestep,
                        std::vector<double>& sums) {
  const ConversionCounts before = counts_;
  compute(planes, timestep, sums);
  if (timestep >= stage_->timesteps) counts_ = before;
}

void CrossbarLayer::compute(const std::vector<traces::PackedBits>& planes, int timestep,
                            std::vector<double>& sums) {
  const auto outputs = static_cast<std::size_t>(stage_->channels);
  const int items = stage_->items();
  sums.assign(static_cast<std::size_t>(items) * outputs, 0);
  if (shortcut_) {
    for (int item = 0; item < items; ++item) {
      gather_window(planes, item, window_);
      multiply(&sums[static_cast<std::size_t>(item) * outputs]);
    }
    return;
  }
  windows_.resize(static_cast<std::size_t>(items), window_);
  for (int item = 0; item < items; ++item)
    gather_window(planes, item, windows_[static_cast<std::size_t>(item)]);
  code_total_.assign(sums.size(), 0);
  active_total_.assign(sums.size(), 0);
  // A piece's cells stay in the cache for all windows.
  for (const auto& cells : cells_) {
    for (std::size_t item = 0; item < windows_.size(); ++item) {
      const std::size_t number = static_cast<std::size_t>(timestep) * windows_.size() + item;
      read(cells, cells.copies[number % cells.copies.size()], windows_[item], item * outputs);
    }
  }
  const auto offset = static_cast<double>(1 << (layout_.weight_bits - 1));
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] = adc_.lsb * static_cast<double>(code_total_[i]) - offset * static_cast<double>(active_total_[i]);
  }
}

void CrossbarLayer::multiply(double* sums) {
  for (std::size_t b = 0; b < window_.size(); ++b) {
    for (const auto& cells : cells_) {
      const std::int64_t begin = cells.piece.row_begin;
      const int active = popcount_range(window_[b], begin, begin + cells.piece.rows);
      counts_.conversions += read_passes(chip_, active) * cells.piece.columns;
    }
    list_bits(window_[b], 0, stage_->weight_rows, active_);
    if (active_.empty()) continue;
    std::fill(long_sum_.begin(), long_sum_.end(), 0);
    for (std::size_t begin = 0; begin < active_.size(); begin += kRowsInShort) {
      const std::size_t end = std::min(active_.size(), begin + kRowsInShort);
      std::fill(short_sum_.begin(), short_sum_.end(), 0);
      for (std::size_t i = begin; i < end; ++i) {
        add_row(short_sum_.data(), &weights_[static_cast<std::size_t>(active_[i]) * weight_stride_],
                weight_stride_);
      }
      add_row(long_sum_.data(), short_sum_.data(), weight_stride_);
    }
    const auto factor = static_cast<double>(plane_factor(b));
    for (std::size_t o = 0; o < static_cast<std::size_t>(stage_->channels); ++o)
      sums[o] += factor * static_cast<double>(long_sum_[o]);
  }
}

void CrossbarLayer::read(const Cells& cells, const Copy& copy, const std::vector<traces::PackedBits>& window,
                         std::size_t first) {
  for (std::size_t b = 0; b < window.size(); ++b) {
    const std::int64_t begin = cells.piece.row_begin;
    list_bits(window[b], begin, begin + cells.piece.rows, active_);
    const auto total = static_cast<int>(active_.size());
    const std::int64_t passes = read_passes(chip_, total);
    for (int pass = 0; pass < static_cast<int>(passes); ++pass) {
      const int begin_row = pass * max_active_;
      const int driven = std::min(total - begin_row, max_active_);
      level_sum_.assign(cells.stride, 0);
      if (!ideal_cells_) beyond_sum_.assign(cells.stride, 0);
      if (!copy.squared.empty()) squared_sum_.assign(cells.stride, 0);
      for (int i = begin_row; i < begin_row + driven; ++i) {
        const std::size_t row = static_cast<std::size_t>(active_[static_cast<std::size_t>(i)]) * cells.stride;
        add_row(level_sum_.data(), &cells.levels[row], cells.stride);
        if (!ideal_cells_) add_row(beyond_sum_.data(), &copy.beyond[row], cells.stride);
        if (!copy.squared.empty()) add_row(squared_sum_.data(), &copy.squared[row], cells.stride);
      }
      convert(cells, copy);
      add_codes(cells, plane_factor(b), first);
    }
  }
}

void CrossbarLayer::convert(const Cells& cells, const Copy& copy) {
  const auto top = static_cast<double>(adc_.top_code);
  const double per_lsb = 1 / adc_.lsb;
  const double bow = chip_.adc.inl_lsb;
  const auto columns = static_cast<std::size_t>(cells.piece.columns);
  codes_.resize(cells.stride);
  code_.resize(cells.stride);
  // Loops of one step each, without branches, so that they vectorise.
  if (ideal_cells_) {
    for (std::size_t c = 0; c < columns; ++c) code_[c] = level_sum_[c] * per_lsb;
  } else {
    for (std::size_t c = 0; c < columns; ++c) code_[c] = static_cast<double>(beyond_sum_[c]) * per_lsb;
  }
  if (!copy.squared.empty()) {
    const double noise = chip_.device.read_noise * per_lsb;
    for (std::size_t c = 0; c < columns; ++c)
      code_[c] += noise * std::sqrt(static_cast<double>(squared_sum_[c])) * noise_.next();
  }
  if (bow > 0) {
    for (std::size_t c = 0; c < columns; ++c) {
      const double at = std::clamp(code_[c] / top, 0.0, 1.0);
      code_[c] += bow * 4 * at * (1 - at);
    }
  }
  for (std::size_t c = 0; c < copy.offset.size(); ++c) code_[c] += static_cast<double>(copy.offset[c]);
  int clipped = 0;
  for (std::size_t c = 0; c < columns; ++c) {
    const double code = code_[c] + 0.5;
    clipped += static_cast<int>(code < 0) + static_cast<int>(code >= top + 1);
    const double not_negative = code < 0 ? 0 : code;  // so that the conversion rounds down
    codes_[c] = static_cast<std::int32_t>(not_negative > top ? top : not_negative);
  }
  std::array<double, 4> squares{};  // one sum would be a chain of additions, each waiting for the last
  int largest = 0;
  for (std::size_t c = 0; c < columns; ++c) {
    largest = largest > level_sum_[c] ? largest : level_sum_[c];
    const double error = codes_[c] - level_sum_[c] * per_lsb;
    squares[c % 4] += error * error;
  }
  const double squared_error = (squares[0] + squares[1]) + (squares[2] + squares[3]);
  counts_.conversions += cells.piece.columns;
  counts_.clipped += clipped;
  counts_.squared_error += squared_error;
  counts_.largest = std::max<std::int64_t>(counts_.largest, largest);
}

void CrossbarLayer::add_codes(const Cells& cells, std::int64_t factor, std::size_t first) {
  const auto per_output = static_cast<std::size_t>(layout_.columns_per_output);
  std::int64_t active = 0;
  if (layout_.reference) {
    const double each = layout_.top_level() / adc_.lsb;
    active = std::min<std::int64_t>(
        max_active_, std::llround(codes_[static_cast<std::size_t>(cells.piece.columns) - 1] / each));
  }
  for (std::size_t o = 0; o < static_cast<std::size_t>(cells.piece.outputs); ++o) {
    const std::int32_t* code = &codes_[o * per_output];
    std::int64_t sum = 0;
    for (int k = layout_.slices - 1; k >= 0; --k) {
      const std::int64_t slice = layout_.reference ? code[k] : std::int64_t{code[2 * k]} - code[2 * k + 1];
      sum = sum * (std::int64_t{1} << layout_.cell_bits) + slice;
    }
    const std::size_t output = first + static_cast<std::size_t>(cells.first_output) + o;
    code_total_[output] += factor * sum;
    active_total_[output] += factor * active;
  }
}

}  // namespace spikeloop::sim
