"""Opens an exported study with Optuna itself. usage: optuna_test.py FILE NAME; exit code 77: no Optuna here."""
import sys

try:
    import optuna
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(study_name=sys.argv[2], storage="sqlite:///" + sys.argv[1])
trials = study.get_trials()
states = [trial.state.name for trial in trials]
expected = ["COMPLETE"] * 4 + ["PRUNED", "FAIL", "FAIL", "RUNNING", "WAITING"]
assert states == expected, states
assert [d.name for d in study.directions] == ["MAXIMIZE"] + ["MINIMIZE"] * 4, study.directions
assert study.metric_names == ["accuracy", "memory_bytes", "area_um2", "latency_ns", "energy_pj"]
assert trials[0].values == [0.75, 1000, 2e6, 2e5, 4e5], trials[0].values
assert trials[0].params["cell1.0>3"] == "conv3x3" and trials[0].params["cell1.0>1"] == "zero"
assert trials[1].params["cell1.0>3"] == "conv1x1", trials[1].params
constraints = [round(c, 6) for c in trials[3].system_attrs["constraints"]]
assert constraints == [0, 0.2, -0.333333], constraints  # the chip, energy, tiles
assert trials[3].user_attrs["limits_exceeded"] == "energy", trials[3].user_attrs
assert trials[0].duration.total_seconds() == 65, trials[0].duration
best = sorted(trial.number for trial in study.best_trials)
assert best == [0, 1, 2], best  # 3 is more accurate, but breaks a limit
copy = optuna.create_study(directions=study.directions)
copy.add_trials(trials)  # checks each of them
assert len(copy.trials) == len(trials)
# A sampler goes on from it, on the parameters that the study has.
sampler = optuna.samplers.NSGAIISampler(seed=1, population_size=4)
more = optuna.create_study(directions=study.directions, sampler=sampler)
more.add_trials([t for t in trials if t.state.is_finished()])
asked = more.ask(trials[0].distributions)
assert set(asked.params) == set(trials[0].params), asked.params
print(f"Optuna {optuna.__version__} reads it: {len(trials)} trials, best {best}")
