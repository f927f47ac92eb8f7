#include "traces/support/files.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "helpers.h"

namespace spikeloop {
namespace {

using test::expect_input_error;
using test::TemporaryFolder;

std::size_t files_in(const TemporaryFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

TEST(Files, WriteThenRead) {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file(folder.file("x"), bytes);
  EXPECT_EQ(read_file(folder.file("x")), bytes);
  write_file(folder.file("x"), "");
  EXPECT_EQ(read_file(folder.file("x")), "");
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(Files, BareNameIsInTheWorkingFolder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file("bare", "text");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_file(folder.file("bare")), "text");
}

TEST(Files, FailureLeavesNothingAndTheTargetUntouched) {
  const TemporaryFolder folder;
  write_file(folder.file("x"), "before");
  EXPECT_THROW(write_atomically(folder.file("x"),
                                [](const std::string& temporary) {
                                  std::ofstream(temporary) << "half";
                                  throw std::runtime_error("stop");
                                }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder.file("x")), "before");
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(Files, TargetKeepsItsOldBytesUntilTheWriterIsDone) {
  const TemporaryFolder folder;
  write_file(folder.file("x"), "before");
  write_atomically(folder.file("x"), [&](const std::string& temporary) {
    std::ofstream(temporary) << "after";
    EXPECT_EQ(read_file(folder.file("x")), "before");
    EXPECT_EQ(std::filesystem::path(temporary).parent_path(), folder.path());
  });
  EXPECT_EQ(read_file(folder.file("x")), "after");
}

TEST(Files, WriterThatWritesNothingIsAnError) {
  const TemporaryFolder folder;
  expect_input_error([&] { write_atomically(folder.file("x"), [](const std::string&) {}); },
                     {"x", "nothing written"});
  EXPECT_EQ(files_in(folder), 0U);
}

TEST(Files, ErrorsNameTheFile) {
  const TemporaryFolder folder;
  expect_input_error([&] { read_file(folder.file("absent")); },
                     {folder.file("absent"), "open", "No such file"});
  expect_input_error([&] { read_file(folder.path()); }, {"found a folder"});
  expect_input_error([&] { write_file(folder.file("no/x"), ""); },
                     {folder.file("no/x"), "no folder", "expected an existing"});
  expect_input_error([&] { write_file(folder.path(), ""); }, {"found a folder"});
}

TEST(Files, ThreadsWritingOneNameLeaveOneWholeFile) {
  const TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (char c = 'a'; c < 'e'; ++c) {
    threads.emplace_back([&folder, c] {
      for (int i = 0; i < 10; ++i) write_file(folder.file("x"), std::string(10000, c));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = read_file(folder.file("x"));
  EXPECT_EQ(text, std::string(10000, text.at(0)));
  EXPECT_EQ(files_in(folder), 1U);
}

}  // namespace
}  // namespace spikeloop
