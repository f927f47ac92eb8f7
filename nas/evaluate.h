#pragma once
#include <string>

namespace spikeloop::nas {

/// Does the job in `directory`/job.json and leaves result.json there, with the artifacts of its stage
/// (network.nir, trace.h5, measurement.json, checkpoint.pt). What is wrong with the candidate goes into the
/// result; throws only when there is no job or no room for a result.
void evaluate_job(const std::string& directory);

}  // namespace spikeloop::nas
