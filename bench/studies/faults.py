"""How many faults were tried, and how many ended as they must: each in a test.

Run as ``python -m bench.studies.faults FILE``. It runs the tests that the table names, and counts
their cases. Some need a user who may mount a file system; where that is not possible, they do not
count.
"""

from __future__ import annotations

from bench.studies.counted_cases import Kind, Study

FAULTS = (
    Kind(
        "kill, SIGTERM, Ctrl-C",
        "the list above",
        {
            "bench/test_interruption.py": (
                "test_an_interruption_in_a_destructor_is_not_lost",
                "test_a_baseline_ends_with_its_child_and_leaves_nothing",
                "test_a_pytest_session_that_measures_ends_by_sigterm_with_exit_code_143",
                "test_sigterm_ends_a_session_whatever_a_test_makes_of_it",
                "test_a_pytest_session_is_interrupted_at_its_end_in_a_line",
                "test_an_arm_ends_with_its_gate_in_the_middle_of_a_round",
            ),
            "tl_core/test_storage.py": (
                "test_an_interrupted_file_leaves_the_old_one",
                "test_an_interrupted_folder_leaves_the_old_one",
                "test_an_interrupt_around_the_renames_loses_no_folder",
                "test_what_a_killed_process_left_is_removed_by_the_next_one",
            ),
            "tl_core/models/test_keras_process.py": (
                "test_the_process_ends_with_one_that_is_killed",
            ),
            "tl_core/test_feature_cache.py": (
                "test_killed_at_random_moments_it_loses_a_block_each_time_and_no_feature_is_wrong",
            ),
            "tl_core/extraction/test_extraction.py": (
                "test_a_run_that_was_killed_leaves_whole_shards_and_resumes",
            ),
            "tl_core/extraction/test_ray_pool.py": (
                "test_a_worker_that_dies_is_replaced",
                "test_a_picture_that_kills_every_worker_is_one_error",
                "test_workers_that_cannot_be_replaced_are_left_out",
                "test_if_no_worker_can_be_started_it_is_one_error",
            ),
            "bench/fleet/test_fleet_command.py": (
                "test_an_interruption_ends_the_suites_of_all_nodes",
            ),
        },
    ),
    Kind(
        "full disk: results of a run, baseline, saved rounds of a gate",
        "the line names the file and says where the result is instead: a file in the folder for"
        " temporary files. A run also prints its table. Exit code 4 of pytest, 2 of commands",
        {
            "bench/test_faults.py": (
                "test_what_took_long_is_written_elsewhere",
                "test_a_baseline_that_does_not_fit_is_stored_elsewhere",
                "test_a_run_whose_results_cannot_be_written_says_where_they_are",
            ),
        },
    ),
    Kind(
        "results folder becomes read-only, or a file takes its place, during a run",
        "the same",
        {
            "bench/test_faults.py": (
                "test_what_took_long_is_written_elsewhere_if_its_folder_cannot_be_used_any_more",
            ),
        },
    ),
    Kind(
        "full disk: page of a report, saved model, journal of a gate",
        "one line that names the file, exit code 2; an older file stays; the result of a "
        "training is printed",
        {
            "bench/test_faults.py": (
                "test_a_page_that_does_not_fit_on_the_disk_is_a_line_and_the_old_one_stays",
                "test_a_folder_on_a_full_disk_is_found_before_work_is_done",
                "test_a_journal_on_a_full_disk_is_named",
                "test_a_model_that_does_not_fit_takes_neither_result_nor_page_along",
            ),
        },
    ),
    Kind(
        "full disk: cached models and features, output of an extraction",
        "one line that names the file, exit code 2; what is stored stays, and the next run "
        "continues there",
        {
            "bench/test_faults.py": (
                "test_features_that_do_not_fit_are_a_line_and_the_others_stay",
            ),
            "tl_core/test_storage.py": (
                "test_in_a_cache_on_a_full_disk_the_folder_and_what_to_do_are_named",
                "test_what_a_full_disk_raises_is_told_from_other_errors",
            ),
            "tl_core/test_feature_cache.py": (
                "test_a_full_disk_is_a_line_and_costs_no_feature_that_is_stored",
            ),
            "tl_core/extraction/test_extraction.py": (
                "test_a_full_disk_is_one_error_and_the_run_resumes",
            ),
            "tl_core/models/test_keras_process.py": (
                "test_a_full_disk_is_told_from_a_model_that_fails",
            ),
            "tl_core/extraction/test_ray_pool.py": (
                "test_a_full_disk_of_workers_is_one_error_and_the_run_resumes",
            ),
        },
    ),
    Kind(
        "read-only cache",
        "what it has is used; else one line",
        {
            "tl_core/test_storage.py": ("test_a_read_only_cache_serves_what_it_has",),
        },
    ),
    Kind(
        "cache is removed, or replaced by another one, during a run",
        "the run finishes, or ends with one line; never with other features",
        {
            "bench/test_faults.py": (
                "test_a_cache_that_is_removed_again_and_again_costs_at_most_a_line",
            ),
            "tl_core/test_storage.py": (
                "test_a_cache_that_is_removed_while_it_is_filled_is_told_whatever_fails_for_it",
            ),
            "tl_core/test_feature_cache.py": (
                "test_a_store_that_is_removed_meanwhile_is_a_line_and_never_gives_others_features",
            ),
        },
    ),
    Kind(
        "two and six runs at once with an empty cache",
        "the same result; everything is in the cache once; no lock or temporary file is left",
        {
            "bench/test_faults.py": (
                "test_runs_that_begin_at_once_with_an_empty_cache_give_the_same_and_fill_it_once",
            ),
            "tl_core/test_storage.py": (
                "test_two_writers_of_one_folder_both_succeed",
                "test_processes_that_need_the_same_folder_at_once_fill_it_once_and_leave_no_lock",
                "test_what_another_process_is_writing_stays",
            ),
        },
    ),
    Kind(
        "no home folder, no entry of the user",
        "all commands run where `TLBENCH_CACHE` is set; else one line",
        {
            "bench/test_home.py": (
                "test_without_a_cache_one_line_says_what_to_set",
                "test_with_a_cache_the_home_folder_is_there",
                "test_with_a_cache_a_training_works_and_leaves_nothing_elsewhere",
            ),
        },
    ),
    Kind(
        "too little memory for a batch, if the engine reports it (some kernels of TensorFlow "
        "end the process)",
        "half of it is run from then on, and a line says so; the row's `chunk` is what was run,"
        " its `batch_size` what was asked for",
        {
            "tl_core/engines/test_memory.py": (
                "test_every_way_to_say_that_memory_is_short_is_known",
                "test_a_chunk_that_does_not_fit_is_halved_for_good_and_said",
                "test_a_batch_that_does_not_fit_is_halved_for_good_and_said",
                "test_threads_that_run_out_of_memory_together_halve_once_each_size",
                "test_in_a_process_with_little_memory_half_of_the_images_are_run",
            ),
        },
    ),
    Kind(
        "too little memory for one image, or for a training step",
        "one line",
        {
            "tl_core/engines/test_memory.py": (
                "test_one_image_that_does_not_fit_is_an_error",
                "test_a_training_step_that_does_not_fit_is_an_error",
            ),
        },
    ),
    Kind(
        "pictures that are damaged or absent, folders that cannot be listed",
        "counted and named; the run goes on",
        {
            "tl_core/extraction/test_extraction.py": (
                "test_rows_are_those_of_the_pictures",
                "test_a_folder_that_cannot_be_listed_is_a_row_with_an_error",
            ),
            "tl_core/extraction/test_extraction_sources.py": (
                "test_files_that_are_absent_are_rows_with_errors",
            ),
        },
    ),
    Kind(
        "storage that does not answer, damaged files of an extraction",
        "one line that names the file; nothing is overwritten",
        {
            "tl_core/extraction/test_extraction.py": (
                "test_a_storage_that_does_not_answer_is_one_error_not_many_rows",
                "test_a_damaged_shard_is_named_and_extracted_again_once_deleted",
            ),
            "tl_core/extraction/test_manifest.py": (
                "test_a_manifest_that_is_not_one_is_refused",
                "test_a_manifest_with_a_wrong_part_is_refused",
            ),
            "tl_core/extraction/test_extraction_sources.py": (
                "test_a_lock_behind_a_url_is_refused_until_its_lease_is_over",
            ),
        },
    ),
)

STUDY = Study("faults", "fault", FAULTS)
BLOCKS = (STUDY.block("faults", "faults.json"),)

if __name__ == "__main__":
    STUDY.main(__doc__)
