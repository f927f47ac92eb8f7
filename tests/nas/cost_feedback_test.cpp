#include "nas/cost_feedback.h"

#include <gtest/gtest.h>

#include "nas/space.h"

namespace spikeloop::nas {
namespace {

Candidate cell(const std::string& text) { return parse_candidate(text, "test"); }

TEST(CostFeedback, BoundsStayUntilEnoughWasMeasured) {
  CostFeedback feedback{Space()};
  const Costs bound{10, 20, 30, 40};
  for (const char* text : {"0003/0000/0000/0000", "0303/0003/0000/0000", "0013/0000/0003/0000"}) {
    feedback.add(cell(text), bound, {10, 20, 1500, 60});
    EXPECT_EQ(feedback.corrected(cell("0002/0000/0000/0000"), bound, 0).latency_ns, 30);
  }
  EXPECT_EQ(feedback.measurements(), 3U);
}

TEST(CostFeedback, LearnsHowFarABoundIsFromTheMeasurement) {
  CostFeedback feedback{Space()};
  const Costs bound{10, 20, 30, 40};
  for (const char* text : {"0003/0000/0000/0000", "0303/0003/0000/0000", "0013/0000/0003/0000",
                           "0203/0003/0000/0000", "0003/0000/1000/0030", "0002/0000/0000/0000"})
    feedback.add(cell(text), bound, {10, 20, 1500, 60});
  const Costs corrected = feedback.corrected(cell("0303/0002/0000/0000"), bound, 0);
  EXPECT_EQ(corrected.memory_bytes, 10) << "was exact";
  EXPECT_EQ(corrected.area_um2, 20);
  EXPECT_NEAR(corrected.latency_ns, 1500, 1e-6) << "all had the same factor";
  EXPECT_NEAR(corrected.energy_pj, 60, 1e-6);
}

TEST(CostFeedback, NeverGoesBelowTheBound) {
  CostFeedback feedback{Space()};
  double factor = 1;
  for (const char* text : {"0003/0000/0000/0000", "0303/0003/0000/0000", "0013/0000/0003/0000",
                           "0203/0003/0000/0000", "0003/0000/1000/0030", "0002/0000/0000/0000"}) {
    feedback.add(cell(text), {10, 20, 30, 40}, {10, 20, 30 * factor, 40});
    factor *= 3;
  }
  const Costs corrected = feedback.corrected(cell("0033/0000/0003/0000"), {10, 20, 30, 40}, 2);
  EXPECT_GE(corrected.latency_ns, 30);
  EXPECT_LT(corrected.latency_ns, 30 * factor) << "what differs that much is hardly known";
  EXPECT_EQ(corrected.energy_pj, 40);
}

}  // namespace
}  // namespace spikeloop::nas
