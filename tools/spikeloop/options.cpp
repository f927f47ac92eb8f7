#include "tools/spikeloop/options.h"

#include <boost/program_options/value_semantic.hpp>

namespace spikeloop::tools {

void add_data_options(po::options_description& options, std::string& dataset, std::string& data) {
  options.add_options()("dataset", po::value(&dataset)->value_name("NAME")->default_value(dataset),
                        "cifar10, or shapes (made on the fly)")("data", po::value(&data)->value_name("DIR"),
                                                                "folder of CIFAR-10's binary version");
}

void add_network_options(po::options_description& options, models::SnasnetSpec& spec) {
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  options.add_options()("channels", number(spec.channels), "of stem and cell 1; cell 2 has twice as many")(
      "timesteps", po::value(&spec.timesteps)->value_name("T")->default_value(spec.timesteps),
      "of the network")("stem-stride", number(spec.stem_stride), "of the first convolution")(
      "second-pool", number(spec.second_pool), "kernel and stride of the pooling before the classifier")(
      "hidden", number(spec.hidden), "neurons of the hidden classifier layer; 0: none")(
      "votes", number(spec.votes), "outputs per class, averaged");
}

void add_training_options(po::options_description& options, nas::TrainRecipe& recipe) {
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  options.add_options()("epochs", number(recipe.epochs), "of training")(
      "train-images", number(recipe.train_images), "per epoch; 0: all")("batch", number(recipe.batch),
                                                                        "images per step")(
      "lr", po::value(&recipe.lr)->value_name("X")->default_value(recipe.lr, "0.1"),
      "learning rate at the start")(
      "dropout", po::value(&recipe.dropout)->value_name("P")->default_value(recipe.dropout),
      "before the classifier");
}

}  // namespace spikeloop::tools
