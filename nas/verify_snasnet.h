#pragma once
#include <ostream>
#include <string>

namespace spikeloop::nas {

/// Checks every reference in `file` (format of refs/snasnet: narrow_float64.json, full_params_shapes.json,
/// unit_vectors.json; told apart by their content) and prints a line per reference:
/// "PASS|FAIL <what>: <figures>". `data_dir` holds CIFAR-10's test_batch.bin (needed for spike counts).
/// Returns the number of references that differ. Throws InputError for a file of another format.
int verify_snasnet(const std::string& file, const std::string& data_dir, std::ostream& out);

}  // namespace spikeloop::nas
