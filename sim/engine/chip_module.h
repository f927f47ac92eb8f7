#pragma once
#include <memory>
#include <systemc>
#include <vector>

#include "sim/engine/clockwork.h"
#include "sim/rules/host_port.h"
#include "sim/rules/router.h"
#include "sim/rules/stepped_array.h"
#include "sim/rules/tile_core.h"

/// The chip as SystemC modules around the component rules, for both engines: who is connected to whom.
namespace spikeloop::sim {

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

/// What every module is made from.
struct Blueprint {
  const Plan& plan;
  const ChipConfig& config;
  const Timing& timing;
  const Stimulus& stimulus;
  Engine engine;
  Recorder* recorder;  ///< may be null
  ClockDomain tile_clock, array_clock, network_clock;
};

class RouterModule : public ClockedModule, public LinkIf, private RouterPorts {
 public:
  RouterModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile);
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
  CoreModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile);
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

/// The crossbars of a tile, in the reference engine; those of the fast engine need no clock.
class ArrayModule : public ClockedModule {
 public:
  ArrayModule(const sc_core::sc_module_name& name, const Blueprint& chip, CrossbarArray& array)
      : ClockedModule(name, chip.array_clock), array_(array) {}

 private:
  Cycle work(Cycle now) override {
    array_.evaluate(now);
    return kNever;
  }
  CrossbarArray& array_;
};

class HostModule : public ClockedModule, public LinkIf, private TilePorts {
 public:
  HostModule(const sc_core::sc_module_name& name, const Blueprint& chip);
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

/// A tile: "tile_<column>_<row>" with its "router" and, when a stage lives there, its "core" and (reference
/// engine) the "crossbars".
class TileModule : public sc_core::sc_module {
 public:
  TileModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile);
  const int index;
  std::unique_ptr<RouterModule> router;
  std::unique_ptr<CoreModule> core;
  std::unique_ptr<ArrayModule> array;
};

/// The powered part of the chip, for one sample. All modules are made here.
class ChipModule : public sc_core::sc_module, public SidebandIf {
 public:
  ChipModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
             const Timing& timing, const Stimulus& stimulus, Engine engine, Recorder* recorder);
  ~ChipModule() override;
  ChipModule(const ChipModule&) = delete;
  ChipModule& operator=(const ChipModule&) = delete;
  ChipModule(ChipModule&&) = delete;
  ChipModule& operator=(ChipModule&&) = delete;
  const std::vector<std::unique_ptr<TileModule>>& tiles() const { return tiles_; }
  HostPort& host() { return host_->rule(); }
  /// Every result has arrived and every stage has done all of its items.
  bool finished() const;

 private:
  TileModule& tile(int index) { return *tiles_[static_cast<std::size_t>(index)]; }
  void make_tile(int t);
  void connect();
  void send_limit(int flow, std::int64_t limit, Cycle arrival) override;
  void timestep_done(int stage, int timestep, Cycle arrival) override;

  const Plan& plan_;
  const ChipConfig& chip_;
  Blueprint blueprint_;
  std::vector<std::unique_ptr<TileModule>> tiles_;  ///< by tile number
  std::unique_ptr<HostModule> host_;
  std::vector<int> stages_left_;  ///< per timestep: stages that have not finished it
  int timesteps_done_ = 0;
  Cycle last_end_ = 0;  ///< of a stage's timestep, as the barrier sees it
};

}  // namespace spikeloop::sim
