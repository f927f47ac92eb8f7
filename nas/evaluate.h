#pragma once
#include <string>
#include <vector>

namespace spikeloop::nas {

/// Does the job in each `directory`/job.json, one after the other, and leaves result.json there, with the
/// artifacts of its stage (network.nir, trace.h5, measurement.json, checkpoint.pt). What is wrong with a
/// candidate goes into its result; throws only when there is no job or no room for a result.
void evaluate_jobs(const std::vector<std::string>& directories);

}  // namespace spikeloop::nas
