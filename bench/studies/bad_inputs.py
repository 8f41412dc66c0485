"""How many bad inputs were tried, and how many ended as they must: each in a test.

Run as ``python -m bench.studies.bad_inputs FILE``. It runs the tests that the table names, and
counts their cases.
"""

from __future__ import annotations

from bench.studies.counted_cases import Kind, Study

INPUTS = (
    Kind(
        "models that read or write files, run programs, or hide it",
        "refused before anything of them runs",
        {
            "tl_core/models/test_program.py": (
                "test_a_model_that_does_more_than_compute_is_refused_before_it_runs",
                "test_so_is_one_whose_objects_do",
                "test_an_operation_that_is_not_on_the_list_is_refused_whatever_it_is",
                "test_a_graph_that_hides_what_it_runs_is_refused",
                "test_nothing_but_the_saver_of_tensorflow_1_uses_files",
            ),
            "tl_core/models/test_keras_config.py": (
                "test_anything_else_is_refused_wherever_it_is",
            ),
        },
    ),
    Kind(
        "models that loop, crash, take all memory, or answer nothing",
        "one line",
        {
            "tl_core/models/test_trial.py": (
                "test_what_goes_wrong_there_is_one_line_here",
                "test_a_model_without_outputs_is_refused",
            ),
            "tl_core/models/test_keras_process.py": (
                "test_a_file_that_keras_never_finishes_is_one_line",
                "test_an_endless_file_stays_endless_with_time_enough",
            ),
        },
    ),
    Kind(
        "notes beside models",
        "one line",
        {
            "tl_core/test_serving.py": (
                "test_notes_that_are_not_ours_are_an_error_of_one_line",
                "test_notes_that_are_no_json_object_are_an_error_of_one_line",
            ),
        },
    ),
    Kind(
        "Keras files",
        "one line, in little memory and time",
        {
            "tl_core/models/test_hostile_keras_files.py": (
                "test_a_hostile_keras_file_is_an_error_of_one_line_in_little_memory_and_time",
            ),
        },
    ),
    Kind(
        "pickles",
        "one line, in little memory and time; nothing of them runs",
        {
            "tl_core/data/test_hostile_pickles.py": (
                "test_a_hostile_pickle_is_an_error_of_one_line_in_little_memory_and_time",
            ),
            "tl_core/models/test_hostile_checkpoints.py": (
                "test_a_hostile_checkpoint_is_an_error_of_one_line_in_little_memory_and_time",
            ),
        },
    ),
    Kind(
        "archives and arrays",
        "one line, in little memory and time; nothing of them stays",
        {
            "tl_core/models/test_hostile_archives.py": (
                "test_a_hostile_archive_is_an_error_of_one_line_in_little_memory_and_time",
                "test_a_hostile_archive_of_cifar_10_is_an_error_of_one_line",
            ),
            "tl_core/data/test_hostile_npz.py": (
                "test_a_hostile_npz_is_an_error_of_one_line_in_little_memory_and_time",
            ),
        },
    ),
    Kind(
        "sources of pictures, such as Parquet files",
        "one line; no row has the picture of another one",
        {
            "tl_core/extraction/test_extraction_sources.py": (
                "test_sources_that_are_none",
                "test_rows_that_a_file_lacks_are_not_those_of_the_next_one",
                "test_all_who_ask_for_rows_after_damaged_ones_get_the_same_error",
            ),
        },
    ),
    Kind(
        "downloads and pins",
        "one line; an older file stays",
        {
            "tl_core/test_download.py": (
                "test_a_failure_says_what_to_do_and_leaves_nothing",
                "test_only_https_is_fetched_from_elsewhere",
            ),
            "tl_core/models/test_model_pins.py": ("test_a_bad_pin_is_an_error_of_one_line",),
        },
    ),
    Kind(
        "pictures",
        "pixels or one line, within limits of memory and time",
        {
            "tl_core/test_odd_pictures.py": ("test_a_file_ends_in_pixels_or_in_one_line",),
        },
    ),
    Kind(
        "result files",
        "named and skipped; the rest is shown",
        {
            "bench/runs/test_hostile_files.py": (
                "test_a_bad_file_is_skipped_and_named_and_check_refuses_it",
                "test_what_is_no_readable_file_is_skipped_and_never_waited_for",
                "test_a_number_out_of_range_is_refused_by_reader_and_check_alike",
            ),
        },
    ),
    Kind(
        "baselines, journals and prices",
        "one line",
        {
            "bench/gate/test_hostile_gate_files.py": (
                "test_a_bad_baseline_is_refused_in_one_line",
                "test_a_bad_journal_is_refused_in_one_line",
            ),
            "bench/compare/test_prices.py": ("test_a_bad_file_of_prices_is_refused_in_one_line",),
        },
    ),
    Kind(
        "numbers, places and other options",
        "one line that states what is expected; nothing is begun",
        {
            "bench/cli/test_numbers.py": (
                "test_an_option_of_the_suite_states_its_range",
                "test_an_arm_takes_the_same_numbers",
                "test_a_value_out_of_range_is_one_line_and_nothing_is_begun",
                "test_where_files_go_is_tried_before_anything_is_measured",
            ),
            "bench/plugin/test_benchmark_options.py": (
                "test_an_option_with_which_rows_would_be_wrong_is_refused_with_the_reason",
                "test_settings_have_the_options_ranges",
            ),
            "bench/suite/test_options.py": ("test_other_limits_are_refused_in_one_line",),
        },
    ),
    Kind(
        "texts with terminal codes",
        "no code reaches the terminal",
        {
            "bench/cli/test_hostile_text.py": (
                "test_no_argument_reaches_the_terminal_raw",
                "test_no_text_of_a_result_file_reaches_the_terminal_raw",
                "test_names_that_an_error_proposes_are_harmless",
            ),
        },
    ),
)

STUDY = Study("inputs", "input", INPUTS)
BLOCKS = (STUDY.block("bad inputs", "bad-inputs.json"),)

if __name__ == "__main__":
    STUDY.main(__doc__)
