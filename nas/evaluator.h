#pragma once
#include <optional>
#include <string>

#include "nas/job.h"

/// Somebody else's measurement in place of spikeloop-sim: a real chip, an FPGA, another simulator.
///
/// The command runs once per candidate and measurement, by /bin/sh, in the candidate's folder. On its
/// standard input it gets one JSON object:
///   {"format": "spikeloop.request", "version": 1, "stage": "provisional" | "measured" | "final",
///    "candidate": "0303/0030/...|... channels=16", "network": PATH of the NIR file (quantised),
///    "trace": PATH of the recorded spikes of the test images, "samples": how many of them,
///    "chip": {"file": PATH, "set": {"crossbar.rows": "64"}}}
/// and answers on its standard output with one JSON object of numbers:
///   {"memory_bytes": .., "area_um2": .., "latency_ns": .., "energy_pj": ..}     per sample, means
/// optionally "accuracy" (0 to 1, then it counts instead of ours) and fields of its own, which limits may
/// name; or {"error": "why"} for a candidate that cannot be measured. Anything else it says belongs on its
/// standard error.
namespace spikeloop::nas {

struct Answer {
  Costs costs;
  std::optional<double> accuracy;
};

/// Text of the request.
std::string request_json(const EvaluationJob& job, const std::string& directory, std::int64_t samples);

/// Reads an answer. Throws InputError (evaluator, place in the answer) for what is not one, runtime_error for
/// its "error".
Answer parse_answer(const std::string& text);

}  // namespace spikeloop::nas
