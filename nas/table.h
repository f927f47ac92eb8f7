#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/space.h"

/// Published accuracies of trained cells (SpikeNAS-Bench, G. Sun et al., IEEE TAI 2024): a file per data set,
/// a line per cell. No LibTorch.
namespace spikeloop::nas {

struct TableRow {
  std::int64_t id = 0, params = 0;
  int line = 0;               ///< in the file
  models::CellMatrix cell{};  ///< as trained: convolutions that lead nowhere are in it
  bool connected = false;     ///< a path leads from input to output
  std::optional<double> val_acc_epoch10, val_acc_epoch50, val_acc_last;  ///< in percent
  double test_acc = 0;                                                   ///< in percent
  double train_hours = 0;
};

struct Table {
  std::string file;
  std::vector<TableRow> rows;
  /// The cells' space: skip and conv3x3 with thresholds 0.5, 1 and 1.5, forward, one cell for both places.
  Space space;
};

/// Reads the columns id, e01, e02, e03, e12, e13, e23 (0 none, 1 skip, 2 / 3 / 4 conv3x3 with threshold 0.5 /
/// 1 / 1.5), params, val_acc_epoch10, val_acc_epoch50, val_acc_last, test_acc, train_hours in any order.
/// Throws InputError naming file, line and column.
Table read_table(const std::string& path);

}  // namespace spikeloop::nas
