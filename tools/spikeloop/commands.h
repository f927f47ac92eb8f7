#pragma once
#include <string>
#include <vector>

/// The subcommands. Each takes the words after its name and returns the exit code; wrong input throws
/// InputError.
namespace spikeloop::tools {

int search_command(const std::vector<std::string>& arguments);
int train_command(const std::vector<std::string>& arguments);
int import_command(const std::vector<std::string>& arguments);
int test_command(const std::vector<std::string>& arguments);
int quantise_command(const std::vector<std::string>& arguments);
int trace_command(const std::vector<std::string>& arguments);
int datasets_command(const std::vector<std::string>& arguments);
int verify_command(const std::vector<std::string>& arguments);
int bench_search_command(const std::vector<std::string>& arguments);
int study_command(const std::vector<std::string>& arguments);
int score_command(const std::vector<std::string>& arguments);
int score_study_command(const std::vector<std::string>& arguments);
int evaluate_command(const std::vector<std::string>& arguments);  ///< hidden: what a search starts

}  // namespace spikeloop::tools
