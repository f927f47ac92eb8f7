#pragma once
#include <memory>
#include <optional>
#include <systemc>
#include <vector>

#include "sim/rules/host_port.h"
#include "sim/rules/router.h"
#include "sim/rules/tile_core.h"

/// The fast engine: SystemC modules around the component rules. A module sleeps until the next cycle in which
/// its rule may have work; everything that passes between modules arrives at least a cycle later, so the
/// order in which the kernel runs them within a cycle does not matter.
namespace spikeloop::sim {

/// One cycle in kernel time. The number is arbitrary (latencies are reported from cycles and the configured
/// clock).
inline constexpr std::uint64_t kCyclePs = 1000;

/// What a link's two ends tell each other: flits forward, credits back. `port` is the receiver's.
class LinkIf : public sc_core::sc_interface {
 public:
  virtual void put_flit(int port, const Flit& flit, Cycle arrival) = 0;
  virtual void put_credit(int port, int vc, Cycle arrival) = 0;
};

/// Wires beside the mesh: windows granted to senders, and the barrier of schedule timestep_sequential.
class SidebandIf : public sc_core::sc_interface {
 public:
  virtual void send_limit(int flow, std::int64_t limit, Cycle arrival) = 0;
  virtual void timestep_done(int stage, int timestep, Cycle arrival) = 0;
};

/// A module that is woken at edges of its clock.
class ClockedModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(ClockedModule);
  ClockedModule(const sc_core::sc_module_name& name, Cycle period);
  /// Asks for `work` at the first edge of the module's clock at or after a later cycle, at the latest.
  void wake(Cycle cycle);

 protected:
  static Cycle now();
  virtual Cycle work(Cycle cycle) = 0;  ///< returns the next cycle to be woken in, or kNever

 private:
  void on_wake();
  Cycle period_;
  sc_core::sc_event wake_{"wake"};
};

class RouterModule : public ClockedModule, public LinkIf, private RouterPorts {
 public:
  RouterModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
               const Timing& timing, int tile);
  sc_core::sc_port<LinkIf, 1, sc_core::SC_ZERO_OR_MORE_BOUND> local{"local"}, north{"north"}, east{"east"},
      south{"south"}, west{"west"}, host{"host"};
  void put_flit(int port, const Flit& flit, Cycle arrival) override;
  void put_credit(int port, int vc, Cycle arrival) override;
  const Router& rule() const { return rule_; }

 private:
  Cycle work(Cycle cycle) override { return rule_.evaluate(cycle); }
  void send_flit(int port, const Flit& flit, Cycle arrival) override;
  void send_credit(int port, int vc, Cycle arrival) override;
  LinkIf& peer(int port);
  Router rule_;
};

class CoreModule : public ClockedModule, public LinkIf, private TilePorts {
 public:
  CoreModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
             const Timing& timing, int tile, const Stimulus& stimulus);
  sc_core::sc_port<LinkIf> router{"router"};
  sc_core::sc_port<SidebandIf> sideband{"sideband"};
  void put_flit(int port, const Flit& flit, Cycle arrival) override;
  void put_credit(int port, int vc, Cycle arrival) override;
  TileCore& rule() { return rule_; }

 private:
  Cycle work(Cycle cycle) override { return rule_.evaluate(cycle); }
  void inject_flit(const Flit& flit, Cycle arrival) override { router->put_flit(kLocal, flit, arrival); }
  void return_credit(Cycle arrival) override { router->put_credit(kLocal, 0, arrival); }
  void send_limit(int flow, std::int64_t limit, Cycle arrival) override {
    sideband->send_limit(flow, limit, arrival);
  }
  void timestep_done(int stage, int timestep, Cycle arrival) override {
    sideband->timestep_done(stage, timestep, arrival);
  }
  TileCore rule_;
};

class HostModule : public ClockedModule, public LinkIf, private TilePorts {
 public:
  HostModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
             const Timing& timing, const Stimulus& stimulus);
  sc_core::sc_port<LinkIf> router{"router"};
  sc_core::sc_port<SidebandIf> sideband{"sideband"};
  void put_flit(int port, const Flit& flit, Cycle arrival) override;
  void put_credit(int port, int vc, Cycle arrival) override;
  HostPort& rule() { return rule_; }

 private:
  Cycle work(Cycle cycle) override { return rule_.evaluate(cycle); }
  void inject_flit(const Flit& flit, Cycle arrival) override { router->put_flit(kHost, flit, arrival); }
  void return_credit(Cycle arrival) override { router->put_credit(kHost, 0, arrival); }
  void send_limit(int, std::int64_t, Cycle) override {}  // nobody sends to the host under a window
  void timestep_done(int stage, int timestep, Cycle arrival) override {
    sideband->timestep_done(stage, timestep, arrival);
  }
  HostPort rule_;
};

/// A tile: "tile_<column>_<row>" with its "router" and, when a stage lives there, its "core".
class TileModule : public sc_core::sc_module {
 public:
  TileModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
             const Timing& timing, int tile, const Stimulus& stimulus, bool has_core);
  RouterModule router;
  std::unique_ptr<CoreModule> core;
};

/// The powered part of the chip, for one sample.
class ChipModule : public sc_core::sc_module, public SidebandIf {
 public:
  ChipModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
             const Timing& timing, const Stimulus& stimulus);
  TileModule& tile(int index) { return *tiles_[static_cast<std::size_t>(index)]; }
  int num_tiles() const { return static_cast<int>(tiles_.size()); }
  HostModule& host() { return host_; }

 private:
  void send_limit(int flow, std::int64_t limit, Cycle arrival) override;
  void timestep_done(int stage, int timestep, Cycle arrival) override;

  const Plan& plan_;
  const ChipConfig& chip_;
  const Timing& timing_;
  std::vector<std::unique_ptr<TileModule>> tiles_;
  HostModule host_;
  std::vector<int> stages_left_;  ///< per timestep: stages that have not finished it
  int timesteps_done_ = 0;
  Cycle last_end_ = 0;  ///< of a stage's timestep, as the barrier sees it
};

}  // namespace spikeloop::sim
