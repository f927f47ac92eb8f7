#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace spikeloop::sim {

/// First-in-first-out queue that allocates only when it grows.
template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return data_[head_]; }
  const T& front() const { return data_[head_]; }
  const T& operator[](std::size_t i) const { return data_[(head_ + i) & (data_.size() - 1)]; }  ///< 0: front
  void push(T value) {
    if (size_ == data_.size()) grow();
    data_[(head_ + size_) & (data_.size() - 1)] = std::move(value);
    ++size_;
  }
  void pop() {
    head_ = (head_ + 1) & (data_.size() - 1);
    --size_;
  }

 private:
  void grow() {
    std::vector<T> larger(data_.empty() ? 8 : data_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(data_[(head_ + i) & (data_.size() - 1)]);
    data_ = std::move(larger);
    head_ = 0;
  }
  std::vector<T> data_;
  std::size_t head_ = 0, size_ = 0;
};

}  // namespace spikeloop::sim
